import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type Client } from '@muster/client';
import type { CommandIo } from '@muster/fleet/command-line';
import { mainOf, startApi, startProgram, withTemporaryDirectory, type Program, type Use } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { FLEET } from './fleet.js';
import { readyText } from './ready-text.js';

/** Thrown if a part of the demo fails. The message is shown to the person who runs the demo. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}

const HOSTS_READY_MS_MAX = 60_000;
const LOCAL_ENGINE_MS_MAX = 15_000;
const STOP_MS_MAX = 12_000;

/**
 * Runs the demo for `durationMs`, or until the signal is aborted. Leaves no process and no file behind.
 * @throws DemoError if a part of the demo fails. All other parts are stopped first.
 */
export const runDemo = (durationMs: number, { write, signal }: Pick<CommandIo, 'write' | 'signal'>): Promise<void> =>
  withTemporaryDirectory(async (directory, use) => {
    const failure = new AbortController();
    const programs: Program[] = [];
    const kill = () => programs.forEach((program) => void program.stop('SIGKILL'));
    // If this process exits early, all programs are killed.
    process.once('exit', kill);
    use(kill, () => process.off('exit', kill));
    /** Ends the demo with an error that contains `name` if the program ends before the demo. */
    const supervise = (name: string, program: Program) => {
      programs.push(program);
      void program.ended.then(() => failure.abort(new DemoError(describeEnd(name, program))));
      return program;
    };
    try {
      const anySignal = AbortSignal.any([signal, failure.signal]);
      await perform(durationMs, { directory, write, use, supervise, signal: anySignal });
    } catch (error) {
      if (failure.signal.aborted) throw failure.signal.reason;
      if (!signal.aborted) throw error;
    }
  });

function describeEnd(name: string, program: Program): string {
  const { exitCode, signalCode } = program.child;
  const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
  const lastLines = program.stderr().trim().split('\n').slice(-3).join('\n  ');
  return `${name} ended ${how}${lastLines === '' ? '' : `:\n  ${lastLines}`}`;
}

interface Stage extends Pick<CommandIo, 'write' | 'signal'> {
  directory: string;
  use: Use;
  supervise: (name: string, program: Program) => Program;
}

async function perform(durationMs: number, { directory, write, signal, use, supervise }: Stage): Promise<void> {
  write('Starting the API on a temporary database …\n');
  const data = join(directory, 'data');
  const env = { ...environment('LANG', 'NODE_EXTRA_CA_CERTS'), MUSTER_DATA_DIR: data, MUSTER_DRAIN_SECONDS: '0' };
  const [started, hasLocalEngine] = await Promise.all([
    startApi({ env, detached: true, signal }),
    localEngineAnswers(),
  ]);
  const api = use(started, (each) => each.stop());
  supervise('the API', api.program);
  const client = createClient({ url: api.url, key: api.adminKey });
  const account = await setUp(client, (await readFile(join(data, 'setup-link'), 'utf8')).trim());

  const hostCount = FLEET.length + (hasLocalEngine ? 1 : 0);
  write(`Starting ${hostCount} agents …\n`);
  const { token } = await client.call('createEnrollmentToken', { body: { name: 'demo', maxUses: hostCount } });
  const agents = use([] as Program[], (all) => Promise.all(all.map((agent) => agent.stop('SIGTERM', STOP_MS_MAX))));
  const startAgent = (name: string, engine: Record<string, string>) => {
    const enrollment = { MUSTER_URL: api.url, MUSTER_ENROLL_TOKEN: token };
    const state = { MUSTER_STATE_DIR: join(directory, 'agents', name), LOG_LEVEL: 'error' };
    const agent = startProgram(mainOf('agent'), { env: { ...enrollment, ...state, ...engine }, detached: true });
    agents.push(supervise(`the agent of ${name}`, agent));
  };
  if (hasLocalEngine) startAgent('this machine', localEngine());
  for (const [index, { name, capturedEngine, info, roles }] of FLEET.entries()) {
    const listen = { socketPath: join(directory, 'engines', `${name}.sock`) };
    const replay = { capturedEngine, listen, roles, info, seed: index + 1 };
    const engine = use(await startReplayedEngine(replay), (each) => each.close());
    startAgent(name, { DOCKER_HOST: engine.server.dockerHost });
  }
  await waitForHosts(client, hostCount, signal);
  const { url, adminKey: key } = api;
  write(readyText({ url, key, account, replayedHosts: FLEET.length, hasLocalEngine, durationMs }));
  await sleep(durationMs, undefined, { signal });
  write('\nThe time is up: stopping the demo.\n');
}

/** Creates the owner's account with the setup link that the API wrote when it first started. */
async function setUp(client: Client, link: string) {
  const account = { email: 'demo@example.com', password: randomBytes(9).toString('base64url') };
  const token = new URL(link).hash.replace('#token=', '');
  await client.call('setUp', { body: { token, name: 'Demo', ...account } });
  return account;
}

async function waitForHosts(client: Client, count: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + HOSTS_READY_MS_MAX;
  while (performance.now() < deadline) {
    const { items } = await client.call('listHosts', {}, { signal });
    if (items.filter(({ freshness }) => freshness === 'online').length >= count) return;
    await sleep(250, undefined, { signal });
  }
  throw new DemoError(`not all of ${count} hosts reported within ${HOSTS_READY_MS_MAX / 1_000} s`);
}

/** Returns the environment variables with these names that are set. */
const environment = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));

/** The variables from which Docker's programs determine the machine's engine. */
const localEngine = () => environment('DOCKER_HOST', 'DOCKER_API_VERSION');

/** Returns whether this machine has an engine that an agent can report. */
async function localEngineAnswers(): Promise<boolean> {
  const agent = startProgram(mainOf('agent'), { args: ['--dry-run'], env: localEngine() });
  const timer = setTimeout(() => void agent.stop('SIGKILL'), LOCAL_ENGINE_MS_MAX);
  const exitCode = await agent.ended;
  clearTimeout(timer);
  return exitCode === 0;
}
