import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { startChild, type Child } from './child.js';
import { FLEET } from './fleet.js';
import { guide } from './guide.js';
import { createOperator } from './operator.js';
import { DemoError, createSupervisor, type Supervisor } from './supervisor.js';

/** The programs that the demo runs, as paths of their entry points. */
export interface Programs {
  api: string;
  agent: string;
}

export interface DemoOptions {
  programs: Programs;
  durationMs: number;
  /** Takes what a person is to read. */
  write: (text: string) => void;
}

const API_READY_MS_MAX = 120_000;
const HOSTS_READY_MS_MAX = 60_000;
const LOCAL_ENGINE_MS_MAX = 15_000;

/**
 * Runs the demo until its time is over or the signal is aborted, and then leaves nothing behind: no process, no file.
 * Throws `DemoError` when a part of it fails, after ending the rest too.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'muster-demo-'));
  const supervisor = createSupervisor();
  const engines: { close(): Promise<void> }[] = [];
  const kill = (): void => supervisor.kill();
  process.once('exit', kill);
  const end = new AbortController();
  try {
    const show = perform({ ...options, dir, supervisor, engines }, AbortSignal.any([signal, end.signal]));
    await Promise.race([show, supervisor.failed]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    end.abort();
    await supervisor.stop();
    await Promise.all(engines.map((engine) => engine.close()));
    process.off('exit', kill);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

interface Stage extends DemoOptions {
  dir: string;
  supervisor: Supervisor;
  engines: { close(): Promise<void> }[];
}

async function perform(stage: Stage, signal: AbortSignal): Promise<void> {
  const { programs, supervisor, dir, write, durationMs } = stage;
  const key = formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));
  write('Starting the API on a throw-away database …\n');
  const api = supervisor.start('the API', programs.api, [], {
    ...{ HOST: '127.0.0.1', PORT: '0', MUSTER_DATA_DIR: join(dir, 'data'), MUSTER_ADMIN_KEY: key },
    ...{ MUSTER_DRAIN_SECONDS: '0', LOG_LEVEL: 'warn' },
  });
  const [url, hasLocalEngine] = await Promise.all([addressOf(api, signal), localEngineAnswers(programs.agent)]);
  const operator = createOperator(url, key);
  const hosts = FLEET.length + (hasLocalEngine ? 1 : 0);
  const account = await operator.setUp((await readFile(join(dir, 'data', 'setup-link'), 'utf8')).trim());
  const enrollToken = await operator.createEnrollmentToken(hosts);

  write(`Starting ${hosts} agents …\n`);
  const startAgent = (name: string, engine: Record<string, string>): Child =>
    supervisor.start(`the agent of ${name}`, programs.agent, [], {
      ...{ MUSTER_URL: url, MUSTER_ENROLL_TOKEN: enrollToken, MUSTER_STATE_DIR: join(dir, 'agents', name) },
      ...{ LOG_LEVEL: 'error', ...engine },
    });
  if (hasLocalEngine) startAgent('this machine', localEngine());
  for (const [index, { name, flavour, info, roles }] of FLEET.entries()) {
    const listen = { socketPath: join(dir, 'engines', `${name}.sock`) };
    const replay = await startReplayedEngine({
      flavour,
      listen,
      roles,
      info: { ...info, Name: name },
      seed: index + 1,
    });
    stage.engines.push(replay);
    startAgent(name, { DOCKER_HOST: replay.server.dockerHost });
  }
  if (!(await operator.waitForHosts(hosts, HOSTS_READY_MS_MAX, signal))) {
    throw new DemoError(`not all of ${hosts} hosts reported within ${HOSTS_READY_MS_MAX / 1_000} s`);
  }
  write(guide({ url, key, account, replayedHosts: FLEET.length, hasLocalEngine, durationMs }));
  await sleep(durationMs, undefined, { signal });
  write('\nThe time is over: ending the demo.\n');
}

/** Where the API says that it listens. */
async function addressOf(api: Child, signal: AbortSignal): Promise<string> {
  for (const since = performance.now(); performance.now() - since < API_READY_MS_MAX;) {
    const line = /Muster is listening on (\S+)/.exec(api.stdout());
    if (line) return line[1]!;
    await sleep(50, undefined, { signal });
  }
  throw new DemoError(`the API did not listen within ${API_READY_MS_MAX / 1_000} s`);
}

/** What tells an agent where this machine's engine is, as Docker's own tools have it. */
function localEngine(): Record<string, string> {
  const names = ['DOCKER_HOST', 'DOCKER_API_VERSION'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** True when this machine has an engine that an agent could report: it is asked as the agent would. */
async function localEngineAnswers(agent: string): Promise<boolean> {
  const child = startChild('the agent', agent, ['--dry-run'], localEngine());
  const insist = setTimeout(() => child.kill(), LOCAL_ENGINE_MS_MAX);
  const message = await child.ended;
  clearTimeout(insist);
  return message.includes('exit code 0');
}
