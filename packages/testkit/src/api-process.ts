import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatToken, Paths, TOKEN_RANDOM_BYTES, type TokenKind } from '@muster/contracts';
import { mainOf, ProgramError, startProgram, type Program, type ProgramOptions } from './child-process.js';
import type { PreloadHandlers } from './preload.js';
import { createCaller } from './ipc.js';

/**
 * The options of `startApi`. Variables in `env` are added to the defaults or replace them. The defaults are HOST, PORT,
 * MUSTER_ADMIN_KEY, `NODE_ENV=production` and `LOG_LEVEL=warn`.
 */
export interface ApiOptions extends Pick<ProgramOptions, 'env' | 'through' | 'detached'> {
  adminKey?: string;
  /** Default: any free port. */
  port?: number;
  /** Enables `call`. With this option, the API also exits when this process exits. */
  isMeasured?: boolean;
  /** Sets the process's wall clock this far ahead at its start, and enables `call`. */
  clockAheadMs?: number;
  /** The main program of the server. It must print its URL and have a `/readyz`. Default: the built API. */
  main?: string;
  /** Aborts the start. */
  signal?: AbortSignal;
}

/** A running API, or another server that is measured in the same way. */
export type Api = Awaited<ReturnType<typeof startApi>>;

const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 15_000;
/** The interval at which a starting server is polled. It is short, because the start time is measured. */
const POLL_MS = 5;

/** Returns a new random token in Muster's format, by default an API key. */
export const newToken = (kind: TokenKind = 'key'): string => formatToken(kind, randomBytes(TOKEN_RANDOM_BYTES));

/** Starts the built API. @throws ProgramError if the API exits, or is not ready within two minutes. */
export async function startApi(options: ApiOptions = {}) {
  const { adminKey = newToken(), port = 0, main = mainOf('api'), isMeasured = false, clockAheadMs } = options;
  const { through = [], detached = false } = options;
  const startedAt = performance.now();
  const hasPreload = isMeasured || clockAheadMs !== undefined;
  const preload = new URL('../dist/preload.js', import.meta.url).href;
  const program = startProgram(main, {
    env: {
      HOST: '127.0.0.1',
      PORT: String(port),
      MUSTER_ADMIN_KEY: adminKey,
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      ...(clockAheadMs === undefined ? {} : { MUSTER_TEST_CLOCK_AHEAD_MS: String(clockAheadMs) }),
      ...options.env,
    },
    nodeArgs: ['--enable-source-maps', ...(hasPreload ? ['--import', preload] : [])],
    ipc: hasPreload,
    through,
    detached,
  });
  /**
   * Stops the API, and kills it if it is still running after 15 seconds. With the default signal, the API does not wait
   * for load balancers.
   */
  const stop = (signal: NodeJS.Signals = 'SIGINT') => program.stop(signal, STOP_MS_MAX);
  try {
    const url = await readyUrl(program, options);
    return {
      program,
      url,
      port: Number(new URL(url).port),
      adminKey,
      /** Milliseconds from the start of the process until it was ready. */
      readyMs: performance.now() - startedAt,
      /** Calls a handler of preload.ts. */
      call: createCaller<PreloadHandlers>(program),
      stop,
    };
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
}

async function readyUrl(program: Program, { signal }: ApiOptions): Promise<string> {
  const deadline = performance.now() + READY_MS_MAX;
  while (program.isRunning() && performance.now() < deadline) {
    const url = /^(?:Muster is listening on )?(https?:\/\/\S+)$/m.exec(program.stdout())?.[1];
    if (url !== undefined && (await isReady(url + Paths.ready))) return url;
    await sleep(POLL_MS, undefined, { signal });
  }
  const output = `${program.stdout()}\n${program.stderr()}`.slice(-3_000);
  throw new ProgramError(`the API ${program.isRunning() ? 'is not ready' : 'ended'}:\n${output}`);
}

/** Returns whether a GET request of this URL succeeds within 5 seconds. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    // The connection is free for other requests only after the body has been read.
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
