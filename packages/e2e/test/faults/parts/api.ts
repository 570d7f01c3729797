/** The API as a process of its own, as it is deployed but for the probe that measures it. */
import { randomBytes } from 'node:crypto';
import { formatToken, Paths, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import { askProgram, eventually, mainOf, ProgramError, startProgram, type Program } from '@muster/testkit';
import type { Holds, ProbeRequest } from '../../../src/faults/probe.js';
import type { ClockRequest } from '../../../src/faults/shifted-clock.js';

export interface ApiOptions {
  env: Readonly<Record<string, string>>;
  /** 0: any that is free. */
  port?: number;
  adminKey: string;
  /** A command that the process is started through, such as `taskset`. */
  through?: readonly string[];
  /** Milliseconds by which its wall clock is ahead from the beginning; only with this can its clock be set. */
  clockAheadMs?: number;
}

export interface Api {
  readonly program: Program;
  readonly url: string;
  readonly port: number;
  /** From its being started until it said that it is ready, in ms. */
  readonly readyMs: number;
  /** The longest that the event loop was held since this was last asked, or since it began. */
  holds(): Promise<Holds>;
  /** Sets its wall clock so many milliseconds ahead of the machine's. */
  setClockAhead(ms: number): Promise<void>;
  /** Ends it as a person does, who does not want to wait for a balancer. */
  stop(): Promise<void>;
}

const START_MS_MAX = 60_000;

export const newAdminKey = (): string => formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));

/** Starts the API and waits until it is ready. @throws ProgramError with its last words if it does not become so. */
export async function startApi({ env, port = 0, adminKey, through = [], clockAheadMs }: ApiOptions): Promise<Api> {
  const startedAt = performance.now();
  const preloads = [
    '../../../src/faults/probe.js',
    ...(clockAheadMs === undefined ? [] : ['../../../src/faults/shifted-clock.js']),
  ];
  const program = startProgram(mainOf('api'), {
    env: {
      ...{ HOST: '127.0.0.1', PORT: String(port), MUSTER_ADMIN_KEY: adminKey, NODE_ENV: 'production' },
      ...(clockAheadMs === undefined ? {} : { FAULTS_CLOCK_AHEAD_MS: String(clockAheadMs) }),
      ...{ LOG_LEVEL: 'warn', ...env },
    },
    nodeArgs: ['--enable-source-maps', ...preloads.flatMap((name) => ['--import', import.meta.resolve(name)])],
    ...{ through, ipc: true },
  });
  try {
    const url = await readiness(program);
    return {
      ...{ program, url, port: Number(new URL(url).port), readyMs: performance.now() - startedAt },
      holds: () => askProgram<Holds>(program.child, { ask: 'holds' } satisfies ProbeRequest),
      setClockAhead: async (aheadMs) => {
        await askProgram(program.child, { ask: 'clock', aheadMs } satisfies ClockRequest);
      },
      stop: async () => {
        await program.stop('SIGINT');
      },
    };
  } catch (error) {
    await program.stop('SIGKILL');
    throw error;
  }
}

async function readiness(program: Program): Promise<string> {
  return eventually(async () => {
    const url = /Muster is listening on (\S+)/.exec(program.stdout())?.[1];
    if (url !== undefined && (await isReady(url))) return url;
    const words = `${program.stdout()}\n${program.stderr()}`.slice(-3_000);
    throw new ProgramError(`the API ${program.isRunning() ? 'is not ready' : 'ended'}:\n${words}`);
  }, START_MS_MAX);
}

/** Whether `/readyz` says so. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url + Paths.ready, { signal: AbortSignal.timeout(5_000) });
    // A body that nobody reads keeps its connection.
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
