import { chmod, chown, link, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EnrollRequest, Paths, ProblemTypes, formatToken } from '@muster/contracts';
import { isAvailable, runIf } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { IDENTITY_WAIT_MS_MAX, openFixture, type Fixture } from './fixture.js';
import { problem, tokenInvalid, type ReceivedRequest } from './scripted-muster.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const engineIds = (): string[] =>
  fixture.muster.requestsTo(Paths.agentEnroll).map(({ json }) => EnrollRequest.parse(json).engineId);
const tokens = (): string[] => fixture.muster.snapshots.map(({ token }) => token);
const stateFile = (): string => join(fixture.variables['MUSTER_STATE_DIR']!, 'agent.json');
const hostDeleted = problem(410, ProblemTypes.hostDeleted);
const inUse = problem(409, ProblemTypes.engineIdInUse);
const inUseFor = (seconds: number) => problem(409, ProblemTypes.engineIdInUse, { 'retry-after': String(seconds) });
const rejections = () => fixture.logged.filter(({ msg }) => msg.startsWith('the API rejects this machine'));

test('a restarted agent uses its stored token', async () => {
  await fixture.once();
  await fixture.once({ MUSTER_ENROLL_TOKEN: '' });
  expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  expect(new Set(tokens()).size).toBe(1);
  const streams = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
  expect(new Set(streams).size).toBe(2);
});

test('only the agent’s user can read the token', async () => {
  await fixture.once();
  expect((await stat(stateFile())).mode & 0o777).toBe(0o600);
  expect((await stat(fixture.variables['MUSTER_STATE_DIR']!)).mode & 0o777).toBe(0o700);
});

test('no token is ever logged', async () => {
  await fixture.once();
  fixture.muster.queueReactions(Paths.agentContainers, problem(500), tokenInvalid);
  fixture.run();
  await fixture.muster.until(() => fixture.muster.snapshots.length === 4);
  expect(JSON.stringify(fixture.logged)).not.toMatch(/muster_(agent|enroll)_[0-9A-Za-z]/);
});

describe('a token that the API rejects as invalid', () => {
  test('makes the agent enroll again and repeat the call', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(2);
    expect(engineIds()[0]).toBe(engineIds()[1]);
    expect(tokens()[2]).not.toBe(tokens()[1]);
  });

  test('does not stop an agent that cannot enroll again: the agent resumes when the API accepts the token', async () => {
    await fixture.once();
    const storedState = await readFile(stateFile(), 'utf8');
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    const agent = fixture.run({ MUSTER_ENROLL_TOKEN: '' });
    await fixture.muster.until(() => fixture.muster.snapshots.length === 4);
    expect(await readFile(stateFile(), 'utf8')).toBe(storedState);
    expect(rejections()[0]).toMatchObject({ level: 50, reason: expect.stringContaining('MUSTER_ENROLL_TOKEN') });
    fixture.muster.setReaction(Paths.agentContainers, null);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 5 && fixture.muster.heartbeats.length > 0);
    expect(new Set(tokens()).size).toBe(1);
    expect(await agent.stop()).toBeNull();
  });

  test('is retried after a wait, and the agent then reports the changes made during the wait', async () => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    fixture.run({ MUSTER_ENROLL_TOKEN: '' });
    await fixture.muster.until(() => rejections().length === 1);
    fixture.engine.pause(fixture.engine.idOf('h5-host')!);
    await fixture.muster.until(() => rejections().length === 3);
    const [first, second, third] = fixture.muster.snapshots.slice(1).map(({ atMs }) => atMs);
    expect(second! - first!).toBeGreaterThanOrEqual(200);
    expect(third! - second!).toBeGreaterThanOrEqual(200);
    fixture.muster.setReaction(Paths.agentContainers, null);
    const isPartial = ({ headers }: ReceivedRequest): boolean => headers['snapshot-complete'] === 'false';
    await fixture.muster.until(
      () => fixture.muster.snapshots.some(isPartial) && !isPartial(fixture.muster.snapshots.at(-1)!),
    );
  });

  test('does not make the agent enroll endlessly if the token was just issued', async () => {
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    const agent = fixture.run();
    await fixture.muster.until(() => rejections().length === 2);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(2);
    expect(await agent.stop()).toBeNull();
  });

  test('ends a one-shot command with exit code 3', async () => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    await expect(fixture.once({ MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({ exitCode: 3 });
  });

  test('is kept if the 401 response is not from Muster', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentContainers, { status: 401, text: '<html>proxy</html>' });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });
});

describe('a deleted host', () => {
  test('does not stop its agent, which keeps the token because a wrong server may have answered', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    fixture.muster.queueReactions(Paths.agentHeartbeat, hostDeleted, hostDeleted);
    const agent = fixture.run();
    await fixture.muster.until(() => fixture.muster.heartbeats.length === 4);
    expect(rejections().map(({ reason }) => reason)).toEqual(Array(2).fill(expect.stringContaining('deleted')));
    expect(new Set(fixture.muster.heartbeats.map(({ token }) => token)).size).toBe(1);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
    expect(await agent.stop()).toBeNull();
  });

  test('enrolls again only with a new enrollment token', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentContainers, hostDeleted, hostDeleted);
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 3 });
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
    await fixture.once({ MUSTER_ENROLL_TOKEN: formatToken('enroll', new Uint8Array(32).fill(7)) });
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(2);
    await fixture.once();
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(2);
  });
});

describe('the identity of a host', () => {
  test.each(['docker-28.5', 'podman-4.3'] as const)(
    'stays the same if an agent on %s loses its state',
    async (capturedEngine) => {
      const other = await openFixture({ capturedEngine });
      try {
        await other.once();
        await rm(join(other.variables['MUSTER_STATE_DIR']!, 'agent.json'));
        await other.once();
        const ids = other.muster.requestsTo(Paths.agentEnroll).map(({ json }) => EnrollRequest.parse(json).engineId);
        expect(ids).toEqual([ids[0], ids[0]]);
      } finally {
        await other.close();
      }
    },
  );

  test('may change without another enrollment while the agent keeps its state', async () => {
    await fixture.once();
    const listen = { socketPath: join(fixture.dir, 'upgraded.sock') };
    const upgraded = await startReplayedEngine({
      capturedEngine: 'docker-28.5',
      listen,
      seed: 2,
      info: { ID: 'NEW:ID' },
    });
    try {
      await fixture.once({ DOCKER_HOST: upgraded.server.dockerHost });
      expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
      expect(new Set(tokens()).size).toBe(1);
    } finally {
      await upgraded.close();
    }
  });

  test('is replaced by a stored random identity if another live host continues to use it', async () => {
    // The first response takes longer than the longest allowed wait. The response time must not shorten the wait,
    // because only the delays between attempts count as waiting.
    const answerEnroll = fixture.muster.hold(Paths.agentEnroll);
    fixture.muster.queueReactions(Paths.agentEnroll, inUseFor(30));
    setTimeout(() => answerEnroll(inUseFor(1)), 2 * IDENTITY_WAIT_MS_MAX);
    await fixture.once();
    expect(fixture.logged.flatMap(({ retryInMs }) => retryInMs ?? [])).toEqual([IDENTITY_WAIT_MS_MAX]);
    fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
    await fixture.once();
    const [own, repeated, random, stored] = engineIds();
    expect(repeated).toBe(own);
    expect(random).not.toBe(own);
    expect(stored).toBe(random);
  });

  test('of a reinstalled machine is kept if no other machine uses this identity during the requested wait', async () => {
    fixture.muster.queueReactions(Paths.agentEnroll, inUseFor(1));
    await fixture.once();
    expect(new Set(engineIds()).size).toBe(1);
    expect(engineIds()).toHaveLength(2);
  });

  test('delays the enrollment only for a limited time if another host uses the same identity', async () => {
    fixture.muster.queueReactions(Paths.agentEnroll, inUseFor(86_400));
    fixture.muster.setReaction(Paths.agentEnroll, inUse);
    const agent = fixture.run();
    await fixture.muster.until(() => new Set(engineIds()).size === 2);
    await agent.stop();
  });

  test('that was generated for an enrollment is used again if the response was lost', async () => {
    fixture.muster.queueReactions(Paths.agentEnroll, inUseFor(1), inUseFor(30), 'reset', 'reset');
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const [own, , ...random] = engineIds();
    expect(random).toEqual(Array(3).fill(random[0]));
    expect(random[0]).not.toBe(own);
  });
});

describe('enrolling', () => {
  test('with a rejected token prints the API’s reason and the path of the missing state', async () => {
    fixture.muster.setReaction(Paths.agentEnroll, tokenInvalid);
    const rejected = fixture.once();
    await expect(rejected).rejects.toThrow('MUSTER_ENROLL_TOKEN: 401 Problem 401: As the script says.');
    await expect(rejected).rejects.toThrow(`its state in ${fixture.variables['MUSTER_STATE_DIR']!} was lost`);
  });

  test('again with a rejected token does not mention a missing state if the state exists', async () => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentContainers, tokenInvalid);
    fixture.muster.setReaction(Paths.agentEnroll, tokenInvalid);
    const rejected = fixture.once();
    await expect(rejected).rejects.toThrow('create a new enrollment token on the server at MUSTER_URL');
    await expect(rejected).rejects.not.toThrow('lost');
  });

  test('with a rejected token is retried later, and ends a one-shot command with exit code 3', async () => {
    fixture.muster.queueReactions(Paths.agentEnroll, tokenInvalid, tokenInvalid, tokenInvalid);
    await expect(fixture.once()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('MUSTER_ENROLL_TOKEN'),
    });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(4);
  });

  test.each([
    [401, ProblemTypes.credentialsInvalid],
    [403, ProblemTypes.forbidden],
    [410, ProblemTypes.hostDeleted],
  ])('is retried later if a new machine is refused with %i, and `once` exits with code 3', async (status, type) => {
    const refused = problem(status, type);
    fixture.muster.queueReactions(Paths.agentEnroll, refused, refused, refused);
    await expect(fixture.once()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(`refused to enroll this machine: ${status}`),
    });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(4);
    expect(rejections()).toHaveLength(2);
  });

  test('is retried if the response is not from Muster, such as the sign-in page of a proxy', async () => {
    const redirect = { status: 302, headers: { location: '/login' }, text: '' };
    fixture.muster.queueReactions(Paths.agentEnroll, redirect, { status: 404, text: 'nothing here' });
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(3);
  });

  test('fails for a new agent after an unexpected refusal, because the agent has no token to keep', async () => {
    fixture.muster.setReaction(Paths.agentEnroll, problem(404));
    expect(await fixture.run().ended).toMatchObject({ exitCode: 1 });
    expect(fixture.muster.receivedRequests).toHaveLength(1);
  });

  test('again after an unexpected refusal never stops the agent', async () => {
    await fixture.once();
    fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
    fixture.muster.queueReactions(Paths.agentEnroll, problem(404));
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 3);
    expect(tokens()[2]).toBe(tokens()[0]);
  });
});

describe('the state directory', () => {
  test('contains a token that is sent only to the API that issued it', async () => {
    await fixture.once();
    const other = await openFixture();
    try {
      const otherServer = { MUSTER_URL: other.variables['MUSTER_URL']! };
      await expect(fixture.once({ ...otherServer, MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({ exitCode: 2 });
      expect(other.muster.receivedRequests).toHaveLength(0);
      await fixture.once(otherServer);
      expect(other.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test('contains the API’s address once the machine is enrolled', async () => {
    await fixture.once();
    await fixture.once({ MUSTER_URL: '', MUSTER_ENROLL_TOKEN: '' });
    expect(fixture.muster.snapshots).toHaveLength(2);
  });

  test('needs MUSTER_URL and MUSTER_ENROLL_TOKEN if it contains no enrollment', async () => {
    await expect(fixture.once({ MUSTER_URL: '' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('MUSTER_URL'),
    });
    await expect(fixture.once({ MUSTER_ENROLL_TOKEN: '' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('MUSTER_ENROLL_TOKEN'),
    });
  });

  test('with an invalid state file is rejected and left unchanged', async () => {
    await fixture.once();
    await writeFile(stateFile(), 'not json');
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('agent.json') });
    expect(await readFile(stateFile(), 'utf8')).toBe('not json');
  });

  test.each([
    ['symbolic', symlink],
    ['hard', link],
  ])('is rejected if the state file is a %s link, and the link’s target keeps its mode', async (_, make) => {
    await fixture.once();
    const linkTarget = join(fixture.dir, 'elsewhere.json');
    await rename(stateFile(), linkTarget);
    await chmod(linkTarget, 0o644);
    await make(linkTarget, stateFile());
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining('agent.json') });
    expect((await stat(linkTarget)).mode & 0o777).toBe(0o644);
  });

  // Only root can change the owner of a directory.
  const missing = process.getuid?.() === 0 ? null : 'the owner of a directory cannot be changed: run the tests as root';
  runIf(isAvailable(missing), test)(
    'stays readable for its owner, the service’s user, after root has enrolled',
    async () => {
      await fixture.once();
      await chown(fixture.variables['MUSTER_STATE_DIR']!, 12_345, 12_345);
      fixture.muster.queueReactions(Paths.agentContainers, tokenInvalid);
      await fixture.once();
      expect(await stat(stateFile())).toMatchObject({ uid: 12_345, gid: 12_345 });
    },
  );

  test('causes an error within a second if it cannot be created', async () => {
    const since = performance.now();
    await expect(fixture.once({ MUSTER_STATE_DIR: '/proc/1/x/y' })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('/proc/1/x/y'),
    });
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  test('is used by only one agent at a time', async () => {
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    await expect(fixture.once()).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('another muster-agent'),
    });
  });
});

describe('--once', () => {
  test('fails and sends nothing if the engine cannot list its containers', async () => {
    fixture.engineServer.setFault('list', { kind: 'truncate' });
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(fixture.muster.receivedRequests).toHaveLength(0);
  });

  test('fails without a retry if the API refuses the snapshot', async () => {
    fixture.muster.setReaction(Paths.agentContainers, problem(400));
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(fixture.muster.snapshots).toHaveLength(1);
  });

  test('retries a temporary refusal a few times and then fails', async () => {
    fixture.muster.queueReactions(Paths.agentContainers, problem(503), problem(503));
    await fixture.once();
    expect(fixture.muster.snapshots).toHaveLength(3);
    fixture.muster.setReaction(Paths.agentContainers, problem(503));
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(fixture.muster.snapshots).toHaveLength(7);
  });

  test('fails instead of waiting for a long Retry-After', async () => {
    fixture.muster.setReaction(Paths.agentContainers, problem(503, 'about:blank', { 'retry-after': '3600' }));
    await expect(fixture.once()).rejects.toMatchObject({ exitCode: 1 });
    expect(fixture.muster.snapshots).toHaveLength(1);
  });
});
