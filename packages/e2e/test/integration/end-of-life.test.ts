import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';
import { Muster } from '../support/muster.js';

/** With this factor, a refused agent retries after 2 to 4 seconds instead of 10 to 20 minutes. */
const FAST_TIME_FACTOR = 300;

const DAY_MS = 86_400_000;

let dir: string;
let muster: Muster;
let engine: Awaited<ReturnType<typeof startReplayedEngine>>;
let agent: Program | null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-end-of-life-'));
  engine = await startReplayedEngine({
    ...{ capturedEngine: 'docker-28.5', listen: { socketPath: join(dir, 'engine.sock') }, seed: 1 },
    roles: [{ name: 'web', behavior: 'steady' }],
  });
  // With the agent's fast clock, these intervals last one second.
  muster = new Muster(dir, {
    MUSTER_SNAPSHOT_SECONDS: String(FAST_TIME_FACTOR),
    MUSTER_HEARTBEAT_SECONDS: String(FAST_TIME_FACTOR),
  });
  agent = null;
  await muster.start();
});
afterEach(async () => {
  await agent?.stop();
  await muster.stop();
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

function startAgent(enrollToken = '', args: string[] = []): Program {
  agent = startProgram(mainOf('agent'), {
    args,
    nodeArgs: ['--import', fileURLToPath(new URL('fast-time.js', import.meta.url))],
    env: {
      ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: enrollToken, MUSTER_STATE_DIR: join(dir, 'agent') },
      ...{ DOCKER_HOST: engine.server.dockerHost, FAST_TIME_FACTOR: String(FAST_TIME_FACTOR) },
    },
  });
  return agent;
}

/** Resolves when the only host has a container and a report after this call. */
async function untilReported(): Promise<void> {
  const since = Date.now();
  await eventually(async () => {
    const { containerCount, lastSeenAt } = await muster.host();
    expect(containerCount).toBe(1);
    expect(Date.parse(lastSeenAt!)).toBeGreaterThan(since);
  }, 120_000);
}

const saying = (what: string): Promise<void> => eventually(() => expect(agent!.stderr()).toContain(what), 60_000);

async function musterCommand(...args: string[]): Promise<void> {
  const program = startProgram(mainOf('cli'), { args });
  expect([await program.ended, program.stderr()]).toEqual([0, '']);
}

interface State {
  enrollment: { issuedAt: string; acceptedAt: string | null; previousToken: string | null };
}
const statePath = (): string => join(dir, 'agent', 'agent.json');
const readState = async (): Promise<State> => JSON.parse(await readFile(statePath(), 'utf8')) as State;

test('an agent keeps its token while another server responds at the API’s address', async () => {
  startAgent(await muster.enrollmentToken());
  await untilReported();
  // Restarts the agent without the enrollment token, as on a machine where install.sh has installed it.
  await agent!.stop();
  startAgent();
  await untilReported();
  const kept = await readFile(statePath(), 'utf8');
  await muster.stop();
  await muster.start('another');
  await saying('keeping its token and state, and retrying');
  expect(await muster.hosts()).toEqual([]);
  expect(agent!.isRunning()).toBe(true);
  expect(await readFile(statePath(), 'utf8')).toBe(kept);
  await muster.stop();
  await muster.start();
  await untilReported();
});

test('an agent continues to report after the restore of a backup that predates its last token rotation', async () => {
  startAgent(await muster.enrollmentToken());
  await untilReported();
  await agent!.stop();
  await muster.stop();
  await musterCommand('backup', join(dir, 'backup'), '--data-dir', join(dir, 'data'));
  await muster.start();

  const state = await readState();
  state.enrollment.issuedAt = new Date(Date.now() - 40 * DAY_MS).toISOString();
  await writeFile(statePath(), JSON.stringify(state));
  // `once` rotates an old token immediately; a running agent waits for five minutes. The second call uses the new
  // token.
  for (let call = 1; call <= 2; call++) expect(await startAgent('', ['once']).ended).toBe(0);
  expect((await readState()).enrollment.acceptedAt).not.toBeNull();
  await muster.stop();

  await musterCommand('restore', join(dir, 'backup'), '--data-dir', join(dir, 'restored'));
  await muster.start('restored');
  startAgent();
  await untilReported();
  expect(agent!.stderr()).toContain('using the previous one');
});
