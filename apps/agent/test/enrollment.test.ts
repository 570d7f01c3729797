import { chmod, chown, link, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EnrollRequest, Paths, ProblemTypes, formatToken } from '@muster/contracts';
import { openRig, type Rig } from './rig.js';
import { problem, tokenInvalid, type Heard } from './scripted-muster.js';

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
const inUseFor = (seconds: number) => problem(409, ProblemTypes.engineIdInUse, { 'retry-after': String(seconds) });
const dismissals = () => rig.logged.filter(({ msg }) => msg.startsWith('the API refuses this machine'));

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

  test('never ends an agent that cannot enroll again: it keeps its token, asks again, and goes on when that is good', async () => {
    await rig.once();
    const kept = await readFile(stateFile(), 'utf8');
    rig.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    const agent = rig.run({ MUSTER_ENROLL_TOKEN: '' });
    await rig.muster.until(() => rig.muster.snapshots.length === 4);
    expect(await readFile(stateFile(), 'utf8')).toBe(kept);
    expect(dismissals()[0]).toMatchObject({ level: 50, reason: expect.stringContaining('MUSTER_ENROLL_TOKEN') });
    rig.muster.always(Paths.agentContainers, null);
    await rig.muster.until(() => rig.muster.snapshots.length === 5 && rig.muster.heartbeats.length > 0);
    expect(new Set(tokens()).size).toBe(1);
    expect(await agent.stop()).toBeNull();
  });

  test('is asked about again no sooner than the wait is long, and what changes in between is told afterwards', async () => {
    await rig.once();
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    rig.run({ MUSTER_ENROLL_TOKEN: '' });
    await rig.muster.until(() => dismissals().length === 1);
    rig.engine.pause(rig.engine.idOf('h5-host')!);
    await rig.muster.until(() => dismissals().length === 3);
    const [first, second, third] = rig.muster.snapshots.slice(1).map(({ atMs }) => atMs);
    expect(second! - first!).toBeGreaterThanOrEqual(200);
    expect(third! - second!).toBeGreaterThanOrEqual(200);
    rig.muster.always(Paths.agentContainers, null);
    const isPartial = ({ headers }: Heard): boolean => headers['snapshot-complete'] === 'false';
    await rig.muster.until(() => rig.muster.snapshots.some(isPartial) && !isPartial(rig.muster.snapshots.at(-1)!));
  });

  test('and that of a token just issued leads to no enrolling without end', async () => {
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    const agent = rig.run();
    await rig.muster.until(() => dismissals().length === 2);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(2);
    expect(await agent.stop()).toBeNull();
  });

  test('ends a single command with exit code 3', async () => {
    await rig.once();
    rig.muster.always(Paths.agentContainers, tokenInvalid);
    await expect(rig.once({ MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({ exitCode: 3 });
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
  test('does not end its agent, which keeps its token: the answer may be a wrong server’s', async () => {
    rig.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    rig.muster.next(Paths.agentHeartbeat, hostDeleted, hostDeleted);
    const agent = rig.run();
    await rig.muster.until(() => rig.muster.heartbeats.length === 4);
    expect(dismissals().map(({ reason }) => reason)).toEqual(Array(2).fill(expect.stringContaining('deleted')));
    expect(new Set(rig.muster.heartbeats.map(({ token }) => token)).size).toBe(1);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
    expect(await agent.stop()).toBeNull();
  });

  test('is not brought back with the enrollment token that made it, but with a new one', async () => {
    await rig.once();
    rig.muster.next(Paths.agentContainers, hostDeleted, hostDeleted);
    await expect(rig.once()).rejects.toMatchObject({ exitCode: 3 });
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(1);
    await rig.once({ MUSTER_ENROLL_TOKEN: formatToken('enroll', new Uint8Array(32).fill(7)) });
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(2);
    await rig.once();
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(2);
  });
});

describe('an identity', () => {
  test('that a live host has is replaced by a random one, and kept, once the grace that the API names has passed', async () => {
    rig.muster.next(Paths.agentEnroll, inUseFor(1), inUseFor(30));
    const since = performance.now();
    await rig.once();
    expect(performance.now() - since).toBeGreaterThanOrEqual(1_000);
    rig.muster.next(Paths.agentContainers, tokenInvalid);
    await rig.once();
    const [own, same, madeUp, again] = engineIds();
    expect(same).toBe(own);
    expect(madeUp).not.toBe(own);
    expect(again).toBe(madeUp);
  });

  test('of a machine that was re-installed a moment ago stays: its host is not alive when the grace has passed', async () => {
    rig.muster.next(Paths.agentEnroll, inUseFor(1));
    await rig.once();
    expect(new Set(engineIds()).size).toBe(1);
    expect(engineIds()).toHaveLength(2);
  });

  test('is not waited for without end, whatever the API asks for, nor if it names no time', async () => {
    rig.muster.next(Paths.agentEnroll, inUseFor(86_400));
    rig.muster.always(Paths.agentEnroll, inUse);
    const agent = rig.run();
    await rig.muster.until(() => new Set(engineIds()).size === 2);
    await agent.stop();
  });

  test('made up before a lost answer is the one that enrolling is repeated with', async () => {
    rig.muster.next(Paths.agentEnroll, inUse, 'reset', 'reset');
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    expect(new Set(engineIds().slice(1)).size).toBe(1);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(4);
  });
});

describe('a first enrollment', () => {
  test('that is refused is asked for again later, and ends a single command with exit code 3', async () => {
    rig.muster.next(Paths.agentEnroll, tokenInvalid, tokenInvalid, tokenInvalid);
    await expect(rig.once()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('MUSTER_ENROLL_TOKEN'),
    });
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 1);
    expect(rig.muster.of(Paths.agentEnroll)).toHaveLength(4);
  });

  test('that is answered as no Muster would ends the agent, which has nothing to lose', async () => {
    rig.muster.always(Paths.agentEnroll, { status: 404, text: 'nothing here' });
    expect(await rig.run().ended).toMatchObject({ exitCode: 1 });
    expect(rig.muster.heard).toHaveLength(1);
  });

  test('no other answer to enrolling again ends an agent that was enrolled', async () => {
    await rig.once();
    rig.muster.next(Paths.agentContainers, tokenInvalid);
    rig.muster.next(Paths.agentEnroll, { status: 404, text: 'nothing here' });
    rig.run();
    await rig.muster.until(() => rig.muster.snapshots.length === 3);
    expect(tokens()[2]).toBe(tokens()[0]);
  });
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
