import { chmod, chown, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, formatToken } from '@muster/contracts';
import { moveAgent, type PreviousUrl } from '../src/commands/move.js';
import { parseEnv } from '../src/env.js';
import { ExitCodes } from '../src/exit.js';
import { openFixture, type Fixture } from './fixture.js';
import { problem, tokenInvalid, type Reaction } from './scripted-muster.js';

const PREVIOUS_TOKEN = formatToken('agent', new Uint8Array(32).fill(200));

let fixture: Fixture;
let newUrl: string;
let configFile: string;
beforeEach(async () => {
  fixture = await openFixture();
  newUrl = fixture.variables['MUSTER_URL']!.replace('127.0.0.1', 'localhost');
  configFile = join(fixture.dir, 'config');
  await writeFile(
    configFile,
    `# A comment.\nLOG_LEVEL=debug\nMUSTER_URL=${fixture.variables['MUSTER_URL']}\nNO_PROXY='*'\n`,
  );
  await fixture.once();
});
afterEach(() => fixture.close());

const holder = (hostId = fixture.muster.hostId): Reaction => ({
  status: 200,
  json: { hostId, cadence: fixture.muster.cadence },
});
const statePath = (): string => join(fixture.variables['MUSTER_STATE_DIR']!, 'agent.json');

function move(previousUrl: Partial<PreviousUrl> = {}, overrides: Record<string, string> = {}): Promise<string> {
  const parsed = parseEnv({ ...fixture.variables, MUSTER_URL: newUrl, ...overrides });
  if (!parsed.success) throw new Error(parsed.errors.join('\n'));
  return moveAgent(parsed.env, { configFile, environment: null, ...previousUrl }, new AbortController().signal);
}

/** Expects that a move fails with this message and exit code, and changes neither the state nor the settings. */
async function expectRefusal(message: string, exitCode: number, overrides: Record<string, string> = {}): Promise<void> {
  const files = [statePath(), configFile];
  const before = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  await expect(move({}, overrides)).rejects.toMatchObject({ message: expect.stringContaining(message), exitCode });
  expect(await Promise.all(files.map((path) => readFile(path, 'utf8')))).toEqual(before);
  expect((await readdir(fixture.dir)).filter((name) => name.startsWith('config'))).toEqual(['config']);
}

describe('move', () => {
  test('reports to the new address with the machine’s token', async () => {
    fixture.muster.setReaction(Paths.agentToken, holder());
    expect(await move()).toBe(
      `This machine now reports to ${newUrl} instead of ${fixture.variables['MUSTER_URL']}, as host ${fixture.muster.hostId}.\n`,
    );
    const [before] = fixture.muster.snapshots;
    await fixture.once({ MUSTER_URL: newUrl, MUSTER_ENROLL_TOKEN: '' });
    const after = fixture.muster.snapshots.at(-1)!;
    expect([after.token, after.headers.host]).toEqual([before!.token, new URL(newUrl).host]);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });

  test('changes only the address in the configuration file, and keeps its owner and access rights', async () => {
    fixture.muster.setReaction(Paths.agentToken, holder());
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(configFile, 0, 12_345);
    await chmod(configFile, 0o640);
    await move();
    expect(await readFile(configFile, 'utf8')).toBe(
      `# A comment.\nLOG_LEVEL=debug\nMUSTER_URL=${newUrl}\nNO_PROXY='*'\n`,
    );
    const { mode, gid } = await stat(configFile);
    expect([mode & 0o777, isRoot ? gid : 12_345]).toEqual([0o640, 12_345]);
    expect((await readdir(fixture.dir)).filter((name) => name.startsWith('config'))).toEqual(['config']);
  });

  test('does not add an address to a configuration file, and works without a configuration file', async () => {
    fixture.muster.setReaction(Paths.agentToken, holder());
    await writeFile(configFile, 'LOG_LEVEL=debug\n');
    await move();
    expect(await readFile(configFile, 'utf8')).toBe('LOG_LEVEL=debug\n');
    expect(await move({ configFile: null })).toContain(`already enrolled at ${newUrl}`);
  });

  test('corrects the configuration file if only the state has the new address', async () => {
    fixture.muster.setReaction(Paths.agentToken, holder());
    await move({ configFile: null });
    await move();
    expect(await readFile(configFile, 'utf8')).toContain(`\nMUSTER_URL=${newUrl}\n`);
  });

  test('warns if the environment still contains the earlier address', async () => {
    fixture.muster.setReaction(Paths.agentToken, holder());
    const environment = fixture.variables['MUSTER_URL']!;
    expect(await move({ environment })).toContain(`MUSTER_URL is still ${environment}: change it too`);
    expect(await move({ environment: `${newUrl}/` })).not.toContain('change it too');
  });

  test('tries the previous token if the API does not know the current token', async () => {
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as { enrollment: object };
    const enrollment = { ...state.enrollment, previousToken: PREVIOUS_TOKEN, acceptedAt: null };
    await writeFile(statePath(), JSON.stringify({ ...state, enrollment }));
    fixture.muster.queueReactions(Paths.agentToken, tokenInvalid, holder());
    await move();
    expect(fixture.muster.requestsTo(Paths.agentToken).at(-1)!.token).toBe(PREVIOUS_TOKEN);
    expect(JSON.parse(await readFile(statePath(), 'utf8'))).toMatchObject({
      enrollment: { ...enrollment, musterUrl: newUrl },
    });
  });

  test('changes nothing if the new server does not know the token, or knows it as another host’s token', async () => {
    fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
    await expectRefusal('it is another server', ExitCodes.dismissed);
    fixture.muster.setReaction(Paths.agentToken, holder('01890a5d-ac96-774b-bcce-b302099a8057'));
    await expectRefusal('belongs to another host', ExitCodes.failed);
  });

  test('changes nothing if no Muster server answers at the new address', async () => {
    await expectRefusal('the API did not confirm the token', ExitCodes.failed, { MUSTER_URL: 'http://127.0.0.1:9' });
    for (const reaction of [problem(503), { status: 404, text: 'not found' }, { status: 200, text: '<html>' }]) {
      fixture.muster.setReaction(Paths.agentToken, reaction);
      await expectRefusal('the API did not confirm the token', ExitCodes.failed);
    }
  });

  test('fails without an enrollment or an address', async () => {
    await expectRefusal('set the new address with --url', ExitCodes.usage, { MUSTER_URL: '' });
    const state = JSON.parse(await readFile(statePath(), 'utf8')) as object;
    await writeFile(statePath(), JSON.stringify({ ...state, enrollment: null }));
    await expectRefusal('this machine is not enrolled', ExitCodes.usage);
  });

  test('fails while an agent is running', async () => {
    fixture.run();
    const snapshots = fixture.muster.snapshots.length;
    await fixture.muster.until(() => fixture.muster.snapshots.length > snapshots);
    await expectRefusal('another muster-agent is running', ExitCodes.failed);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toEqual([]);
  });

  test('is suggested if MUSTER_URL differs from the address at which the agent enrolled', async () => {
    await expect(fixture.once({ MUSTER_URL: newUrl, MUSTER_ENROLL_TOKEN: '' })).rejects.toThrow(
      'if this is a new address of the same API, run `muster-agent move`',
    );
  });
});
