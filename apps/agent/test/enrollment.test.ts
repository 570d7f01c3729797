import { chmod, chown, link, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EnrollRequest, Paths, ProblemTypes, formatToken } from '@muster/contracts';
import { openRig, type Rig } from './rig.js';
import { problem, tokenInvalid } from './scripted-muster.js';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.close());

const engineIds = (): string[] =>
  rig.muster.of(Paths.agentEnroll).map(({ json }) => EnrollRequest.parse(json).engineId);
const tokens = (): string[] => rig.muster.snapshots.map(({ token }) => token);
const stateFile = (): string => join(rig.variables['MUSTER_STATE_DIR']!, 'agent.json');
const hostDeleted = problem(410, ProblemTypes.hostDeleted);
const inUse = problem(409, ProblemTypes.engineIdInUse);

test('an agent that is started again uses the token that it kept', async () => {
  await rig.once();
  await rig.once({ MUSTER_ENROLL_TOKEN: '' });
  expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
  expect(new Set(tokens()).size).toBe(1);
  const streams = rig.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
  expect(new Set(streams).size).toBe(2);
});

test('the token is readable for the agent’s user alone', async () => {
  await rig.once();
  expect((await stat(stateFile())).mode & 0o777).toBe(0o600);
  expect((await stat(rig.variables['MUSTER_STATE_DIR']!)).mode & 0o777).toBe(0o700);
});

test('no token is ever logged', async () => {
  await rig.once();
  rig.muster.next(Paths.agentContainers, problem(500), tokenInvalid);
  rig.run();
  await rig.muster.until(() => rig.muster.snapshots.length === 4);
  expect(JSON.stringify(rig.logged)).not.toMatch(/muster_(agent|enroll)_[0-9A-Za-z]/);
});

describe('a token that the API calls invalid', () => {
  test('is replaced by enrolling again, and the call made again', async () => {
    await rig.once();
    rig.muster.next(Paths.agentContainers, tokenInvalid);
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 3);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(2);
    expect(engineIds()[0]).toBe(engineIds()[1]);
    expect(tokens()[2]).not.toBe(tokens()[1]);
  });

  test('ends an agent that cannot enrol again', async () => {
    await rig.once();
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    const end = await rig.run({ MUSTER_ENROLL_TOKEN: '' }).ended;
    expect(end).toMatchObject({ exitCode: 3, message: expect.stringContaining('MUSTER_ENROLL_TOKEN') });
    expect(rig.muster.snapshots).toHaveLength(2);
  });

  test('ends an agent whose new token is refused as well, instead of enrolling for ever', async () => {
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    expect(await rig.run().ended).toMatchObject({ exitCode: 3 });
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
  });

  test('is not taken for one because something else answers 401', async () => {
    await rig.once();
    rig.muster.next(Paths.agentContainers, { status: 401, text: '<html>proxy</html>' });
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
  });
});

describe('a deleted host', () => {
  test('stops its agent, also when a heartbeat hears of it', async () => {
    rig.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    rig.muster.next(Paths.agentHeartbeat, hostDeleted);
    expect(await rig.run().ended).toMatchObject({ exitCode: 3, message: expect.stringContaining('deleted') });
  });

  test('is not brought back by a restart with the old enrollment token, but by a new one', async () => {
    rig.muster.next(Paths.agentContainers, hostDeleted);
    expect(await rig.run().ended).toMatchObject({ exitCode: 3 });
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 3 });
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
    await rig.once({ MUSTER_ENROLL_TOKEN: formatToken('enroll', new Uint8Array(32).fill(7)) });
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(2);
    await rig.once();
  });
});

describe('an identity', () => {
  test('that another live host has is replaced by one that the agent makes up, and keeps', async () => {
    rig.muster.next(Paths.agentEnroll, inUse);
    await rig.once();
    rig.muster.next(Paths.agentContainers, tokenInvalid);
    await rig.once();
    const [own, madeUp, again] = engineIds();
    expect(madeUp).not.toBe(own);
    expect(again).toBe(madeUp);
  });

  test('made up before a lost answer is the one that enrolling is repeated with', async () => {
    rig.muster.next(Paths.agentEnroll, inUse, 'reset', 'reset');
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    expect(new Set(engineIds().slice(1)).size).toBe(1);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(4);
  });
});

test.each([
  ['refused', tokenInvalid, { exitCode: 3, message: expect.stringContaining('MUSTER_ENROLL_TOKEN') }],
  ['answered as no Muster would', { status: 404, text: 'nothing here' }, { exitCode: 1 }],
])('an enrolment that is %s ends the agent, and is not repeated', async (_, reaction, end) => {
  rig.muster.always(Paths.agentEnroll, reaction);
  expect(await rig.run().ended).toMatchObject(end);
  expect(rig.muster.heard).toHaveLength(1);
});

describe('the state directory', () => {
  test('made for another API: its token is not sent to this one', async () => {
    await rig.once();
    const other = await openRig();
    try {
      const elsewhere = { MUSTER_URL: other.variables['MUSTER_URL']! };
      await expect(rig.once({ ...elsewhere, MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({ exitCode: 2 });
      expect(other.muster.heard).toHaveLength(0);
      await rig.once(elsewhere);
      expect(other.muster.of(Paths.agentEnroll)).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test('tells where the API is, once enrolled', async () => {
    await rig.once();
    await rig.once({ MUSTER_URL: '', MUSTER_ENROLL_TOKEN: '' });
    expect(rig.muster.snapshots).toHaveLength(2);
  });

  test('that does not say is asked for in the environment', async () => {
    await expect(rig.once({ MUSTER_URL: '' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('MUSTER_URL'),
    });
    await expect(rig.once({ MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('MUSTER_ENROLL_TOKEN'),
    });
  });

  test('holding something else than state is refused, and left as it is', async () => {
    await rig.once();
    await writeFile(stateFile(), 'not json');
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('agent.json') });
    expect(await readFile(stateFile(), 'utf8')).toBe('not json');
  });

  test.each([
    ['symbolic', symlink],
    ['hard', link],
  ])(
    'with a %s link in place of its file is refused, and the file that it leads to keeps its mode',
    async (_, make) => {
      await rig.once();
      const elsewhere = join(rig.dir, 'elsewhere.json');
      await rename(stateFile(), elsewhere);
      await chmod(elsewhere, 0o644);
      await make(elsewhere, stateFile());
      await expect(rig.once()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('agent.json') });
      expect((await stat(elsewhere)).mode & 0o777).toBe(0o644);
    },
  );

  const asRoot = process.getuid?.() === 0 ? test : test.skip;
  asRoot('that belongs to the service’s user stays readable for that user after root has enrolled', async () => {
    await rig.once();
    await chown(rig.variables['MUSTER_STATE_DIR']!, 12_345, 12_345);
    rig.muster.next(Paths.agentContainers, tokenInvalid);
    await rig.once();
    expect(await stat(stateFile())).toMatchObject({ uid: 12_345, gid: 12_345 });
  });

  test('is one agent’s at a time', async () => {
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    await expect(rig.once()).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('another muster-agent'),
    });
  });
});

describe('--once', () => {
  test('fails where the engine cannot be listed, and sends nothing', async () => {
    rig.engineServer.setFault('list', { kind: 'truncate' });
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(rig.muster.heard).toHaveLength(0);
  });

  test('fails where the API refuses, and does not try again', async () => {
    rig.muster.always(Paths.agentContainers, problem(400));
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(rig.muster.snapshots).toHaveLength(1);
  });

  test('tries a few times where the API may take it later, and then fails', async () => {
    rig.muster.next(Paths.agentContainers, problem(503), problem(503));
    await rig.once();
    expect(rig.muster.snapshots).toHaveLength(3);
    rig.muster.always(Paths.agentContainers, problem(503));
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(rig.muster.snapshots).toHaveLength(7);
  });

  test('does not wait out a long Retry-After', async () => {
    rig.muster.always(Paths.agentContainers, problem(503, 'about:blank', { 'retry-after': '3600' }));
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(rig.muster.snapshots).toHaveLength(1);
  });
});
