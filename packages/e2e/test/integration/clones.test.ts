/** Tests that no machine disconnects the agent of another machine, with the real API and real agents. */
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Host } from '@muster/contracts';
import { eventually, mainOf, startCommand, startProgram, type Program } from '@muster/testkit';
import { startReplayedEngine, type Replay } from '@muster/testkit/engine-replay';
import { Muster } from '../support/muster.js';

const AGENT_SH = fileURLToPath(new URL('../../../../examples/agent.sh', import.meta.url));

/** The API's grace period: after this many milliseconds without a call, a host no longer counts as alive. */
const GRACE_MS = 30_000;

/** The maximum time until the API suspects a clone (after a minute), or until a machine gets its own identity. */
const NOTICED_MS_MAX = 120_000;

/** The interval at which scenarios poll the API. It is long, because a scenario takes a minute or more. */
const POLL_MS = 500;

// All scenarios mostly wait, so they run at the same time.
jest.setTimeout(400_000);

let dir: string;
let muster: Muster;
const closers: (() => Promise<unknown>)[] = [];
const runs: Record<string, Promise<void>> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-clones-'));
  closers.unshift(() => rm(dir, { recursive: true, force: true }));
  muster = new Muster(dir);
  closers.unshift(() => muster.stop());
  await muster.start();
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    runs[name] = scenario();
    // The test that awaits the scenario reports a failure.
    runs[name].catch(() => undefined);
  }
}, 300_000);
afterAll(async () => {
  for (const close of closers) await close();
}, 300_000);

/** Starts a machine's engine, with one container. Machines with the same `engineId` are copies of each other. */
async function startEngine(name: string, engineId = `ID:${name}`): Promise<Replay> {
  const listen = { socketPath: join(dir, 'engines', `${name}.sock`) };
  const info = { ID: engineId, Name: name };
  const replay = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen, seed: 1, roles: [], info });
  closers.unshift(() => replay.close());
  replay.engine.start(replay.engine.create({ name: `in-${name}`, image: 'nginx' }));
  return replay;
}

const copyNameOf = (name: string): string => `${name}-copy`;

const stateDir = (name: string): string => join(dir, 'agents', name);

/** Runs an agent on the machine `name`. A null `token` means no enrollment token. */
function startAgent(name: string, { server }: Replay, token: string | null, args: string[] = []): Program {
  const program = startProgram(mainOf('agent'), {
    args,
    env: {
      ...{ MUSTER_URL: muster.url, MUSTER_STATE_DIR: stateDir(name), DOCKER_HOST: server.dockerHost },
      ...(token === null ? {} : { MUSTER_ENROLL_TOKEN: token }),
    },
  });
  closers.unshift(() => program.stop('SIGTERM', 5_000));
  return program;
}

/** Runs examples/agent.sh on the machine `name`. */
function startScript(name: string, token: string): Program {
  const env = {
    ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: token },
    ...{ DOCKER_SOCKET: join(dir, 'engines', `${name}.sock`), AGENT_TOKEN_FILE: join(dir, `${name}.token`) },
  };
  const program = startCommand(['sh', AGENT_SH], { env });
  closers.unshift(() => program.stop('SIGTERM', 5_000));
  return program;
}

/** Returns the hosts of the machine `name`. After the machine's copy has reported, a host has the name of the copy. */
const hostsOf = async (name: string): Promise<Host[]> =>
  (await muster.hosts()).filter((host) => [name, copyNameOf(name)].includes(host.name));

/** Resolves with the hosts of the machine `name` once there are `count` hosts, all online with one container. */
const onlineHosts = (name: string, count = 1): Promise<Host[]> =>
  eventually(
    async () => {
      const hosts = await hostsOf(name);
      expect(hosts.map(({ freshness, containerCount }) => [freshness, containerCount])).toEqual(
        Array(count).fill(['online', 1]),
      );
      return hosts;
    },
    NOTICED_MS_MAX,
    POLL_MS,
  );

/** Creates a container, and resolves when Muster lists the container. */
async function expectReports({ engine }: Replay, name: string): Promise<void> {
  const id = engine.create({ name, image: 'nginx' });
  engine.start(id);
  await eventually(async () => {
    expect((await muster.containers(`&q=${name}`)).map((container) => container.name)).toEqual([name]);
  }, NOTICED_MS_MAX);
}

/** Fails if the API ever rejected a token of these agents. */
function expectNeverRejected(...agents: Program[]): void {
  for (const agent of agents) expect(agent.stderr()).not.toContain('rejects');
}

/**
 * Enrolls the machine `name`, and starts a copy of the machine after the first report. Resolves when the API notices
 * the copy.
 */
async function startCopiedMachine(name: string) {
  const copyName = copyNameOf(name);
  const [engine, copyEngine] = [await startEngine(name), await startEngine(copyName, `ID:${name}`)];
  const original = startAgent(name, engine, await muster.enrollmentToken());
  const [host] = await onlineHosts(name);
  await mkdir(stateDir(copyName), { recursive: true, mode: 0o700 });
  await copyFile(join(stateDir(name), 'agent.json'), join(stateDir(copyName), 'agent.json'));
  const copy = startAgent(copyName, copyEngine, null);
  await eventually(
    async () => {
      expect((await hostsOf(name))[0]!.problems.map(({ code }) => code)).toEqual(['clone_suspected']);
    },
    NOTICED_MS_MAX,
    POLL_MS,
  );
  return {
    copyName,
    hostId: host!.id,
    original: { engine, agent: original },
    copy: { engine: copyEngine, agent: copy },
  };
}

/** Runs `leave` on a machine, and returns its output. */
async function leave(name: string, engine: Replay): Promise<string> {
  const command = startAgent(name, engine, null, ['leave']);
  expect([await command.ended, command.stderr()]).toEqual([0, '']);
  return command.stdout();
}

const SCENARIOS = {
  async twoMachines() {
    const [first, second] = [await startEngine('twin', 'ID:twin'), await startEngine('twin-2', 'ID:twin')];
    const firstAgent = startAgent('twin', first, await muster.enrollmentToken());
    const [host] = await onlineHosts('twin');
    const secondAgent = startAgent('twin-2', second, await muster.enrollmentToken());
    await onlineHosts('twin-2');
    expectNeverRejected(firstAgent, secondAgent);
    expect((await onlineHosts('twin'))[0]!.id).toBe(host!.id);
    expect((await hostsOf('twin'))[0]!.problems).toEqual([]);
  },

  async lostState() {
    const engine = await startEngine('forgetful');
    const { id, token } = await muster.client.call('createEnrollmentToken', { body: { name: 'fleet', maxUses: 2 } });
    const before = startAgent('forgetful', engine, token);
    const [host] = await onlineHosts('forgetful');
    await before.stop('SIGKILL');
    await rm(stateDir('forgetful'), { recursive: true });
    const after = startAgent('forgetful', engine, token);
    await eventually(() => expect(after.stderr()).toContain('"msg":"enrolled"'), NOTICED_MS_MAX, POLL_MS);
    expect((await onlineHosts('forgetful'))[0]!.id).toBe(host!.id);
    const { items } = await muster.client.call('listEnrollmentTokens', {});
    expect(items.find((each) => each.id === id)).toMatchObject({ uses: 1 });
  },

  async leaveOnCopy() {
    const { copyName, hostId, original, copy } = await startCopiedMachine('copied');
    await copy.agent.stop();
    expect(await leave(copyName, copy.engine)).toContain(
      'without revoking it, because another machine reports with it',
    );
    expect(JSON.parse(await readFile(join(stateDir(copyName), 'agent.json'), 'utf8'))).toMatchObject({
      enrollment: null,
    });
    // The original stays superseded until the copy has been silent for ten minutes or the original's agent is
    // restarted.
    await original.agent.stop();
    const restarted = startAgent('copied', original.engine, null);
    await expectReports(original.engine, 'after-the-copy-left');
    expect((await hostsOf('copied')).map(({ id }) => id)).toEqual([hostId]);
    expectNeverRejected(original.agent, restarted);
  },

  async leaveOnOriginal() {
    const { hostId, original, copy } = await startCopiedMachine('retired');
    await original.agent.stop();
    expect(await leave('retired', original.engine)).toContain('without revoking it');
    await expectReports(copy.engine, 'after-the-original-left');
    expect((await hostsOf('retired')).map(({ id }) => id)).toEqual([hostId]);
    expectNeverRejected(copy.agent);
  },

  async scriptAfterAgent() {
    const engine = await startEngine('with-script');
    const before = startAgent('with-script', engine, await muster.enrollmentToken());
    const [host] = await onlineHosts('with-script');
    await before.stop();
    await sleep(GRACE_MS);
    const script = startScript('with-script', await muster.enrollmentToken());
    await eventually(async () => expect(await hostsOf('with-script')).toHaveLength(2), NOTICED_MS_MAX);
    const after = startAgent('with-script', engine, null);
    const hosts = await onlineHosts('with-script', 2);
    expect(hosts.map(({ id }) => id)).toContain(host!.id);
    expectNeverRejected(after);
    expect([script.isRunning(), script.stderr()]).toEqual([true, '']);
  },

  async scriptBeforeAgent() {
    const engine = await startEngine('script-first');
    const script = startScript('script-first', await muster.enrollmentToken());
    await onlineHosts('script-first');
    const since = performance.now();
    const agent = startAgent('script-first', engine, await muster.enrollmentToken());
    await eventually(async () => expect(await hostsOf('script-first')).toHaveLength(2), NOTICED_MS_MAX, POLL_MS);
    // The agent enrolls at once. It does not wait until the script's host is silent.
    expect(performance.now() - since).toBeLessThan(GRACE_MS);
    await onlineHosts('script-first', 2);
    expectNeverRejected(agent);
    expect([script.isRunning(), script.stderr()]).toEqual([true, '']);
  },
} satisfies Record<string, () => Promise<void>>;

describe('two machines with the same engine id', () => {
  test('become two hosts that both stay connected', () => runs['twoMachines']);

  test('if one is a copy, `leave` on the copy does not disconnect the original', () => runs['leaveOnCopy']);

  test('if one is a copy, `leave` on the original does not disconnect the copy', () => runs['leaveOnOriginal']);
});

test('a machine that loses its state stays one host and uses its enrollment token only once', () => runs['lostState']);

describe('examples/agent.sh and an agent on one machine', () => {
  test('are two hosts, even if the script starts while the agent is stopped', () => runs['scriptAfterAgent']);

  test('are two hosts if the script starts first', () => runs['scriptBeforeAgent']);
});

test('examples/agent.sh prints why the API refuses an enrollment', async () => {
  await startEngine('refused');
  const script = startScript('refused', 'muster_enroll_invalid');
  expect(await script.ended).not.toBe(0);
  expect(script.stderr()).toContain('The enrollment token is invalid, expired or revoked.');
});
