/** Programs that a benchmark runs as processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { askProgram, ProgramError } from '@muster/testkit';
import type { ProbeReading, ProbeRequest } from './probe.js';

const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The servers that can be measured, as they are built. */
export const SERVERS = {
  muster: beside('../../../apps/api/dist/main.js'),
  bare: beside('servers/bare-express.js'),
  rows: beside('servers/row-loop-express.js'),
} as const;
export type ServerId = keyof typeof SERVERS;

/** A server's event-loop delays are told to so many ms, unless one asks for better. */
const RESOLUTION_MS = 5;

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

export interface ServerProcess {
  readonly id: ServerId;
  readonly port: number;
  /** From its being started until it answered its first request, in ms. */
  readonly startMs: number;
  /** Tells of the time since the last reading, and starts anew. */
  read(resolutionMs?: number): Promise<ProbeReading>;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of the loopback interface, and waits until it answers `readyPath`.
 * @throws ProgramError with its last words, if it ends or does not answer within a minute.
 */
export async function startServer(
  id: ServerId,
  env: Readonly<Record<string, string>>,
  readyPath = '/readyz',
): Promise<ServerProcess> {
  const startedAt = performance.now();
  const child = startProgram(SERVERS[id], env, { probe: true });
  let words = '';
  const remember = (chunk: Buffer) => (words = (words + chunk.toString()).slice(-5_000));
  child.stdout?.on('data', remember);
  child.stderr?.on('data', remember);
  let port: number | null = null;
  for (;;) {
    port ??= Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(words)?.[1] ?? 0) || null;
    if (port !== null && (await answers(port, readyPath))) break;
    if (child.exitCode !== null || performance.now() - startedAt > START_MS_MAX) {
      child.kill('SIGKILL');
      throw new ProgramError(`${id} did not start:\n${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    id,
    port,
    startMs: performance.now() - startedAt,
    read: (resolutionMs = RESOLUTION_MS) => askProgram<ProbeReading>(child, { resolutionMs } satisfies ProbeRequest),
    stop: () => stopProgram(child),
  };
}

async function answers(port: number, path: string): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${path}`)).ok;
  } catch {
    return false;
  }
}

/** Starts `node program` with this environment and no other, and with the probe in it if that is wanted. */
export function startProgram(
  program: string,
  env: Readonly<Record<string, string>>,
  { probe = false } = {},
): ChildProcess {
  const imports = probe ? ['--import', import.meta.resolve('./probe.js')] : [];
  return spawn(process.execPath, ['--enable-source-maps', ...imports, program], {
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Out of reach of the terminal's Ctrl-C: the benchmark ends its programs in their order.
    detached: true,
  });
}

/** Asks a program to end, insists after a while, and resolves when it has. */
export async function stopProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // To the API, SIGINT is a person who does not want to wait for a balancer.
  child.kill('SIGINT');
  const insist = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await ended;
  clearTimeout(insist);
}
