import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatToken } from '@muster/contracts';
import { startReplayedEngine, type CapturedEngine, type Role } from '@muster/testkit/engine-replay';
import { pino } from 'pino';
import { runAgent, runOnce, type Timing } from '../src/agent.js';
import { parseEnv, type AgentEnv } from '../src/env.js';
import type { StopError } from '../src/exit.js';
import { ScriptedMuster } from './scripted-muster.js';

export const ENROLL_TOKEN = formatToken('enroll', new Uint8Array(32).fill(9));

/** Maximum time in milliseconds for which the fixture's agent waits if a host with its identity may be alive. */
export const IDENTITY_WAIT_MS_MAX = 300;

/** A replayed engine, a scripted API and an agent, which share a temporary directory. */
export interface Fixture {
  dir: string;
  muster: ScriptedMuster;
  engine: Awaited<ReturnType<typeof startReplayedEngine>>['engine'];
  engineServer: Awaited<ReturnType<typeof startReplayedEngine>>['server'];
  /** The agent's environment variables. */
  variables: Record<string, string>;
  /** The agent's log lines, parsed. */
  logged: { level: number; msg: string; [key: string]: unknown }[];
  /** Starts the agent. `ended` resolves with the error that ended the agent, or null after a stop. */
  run(overrides?: Record<string, string>): { ended: Promise<StopError | null>; stop(): Promise<StopError | null> };
  once(overrides?: Record<string, string>): Promise<void>;
  /** Stops all running agents. */
  stopAll(): Promise<void>;
  close(): Promise<void>;
}

export async function openFixture(
  options: {
    capturedEngine?: CapturedEngine;
    roles?: Role[];
    coalesceMs?: number;
    rotationMs?: number;
    timing?: Partial<Timing>;
  } = {},
): Promise<Fixture> {
  const { capturedEngine = 'docker-28.5', roles, coalesceMs = 30, rotationMs = 0 } = options;
  const dir = await mkdtemp(join(tmpdir(), 'muster-agent-test-'));
  const replay = await startReplayedEngine({
    capturedEngine,
    listen: { socketPath: join(dir, 'engine.sock') },
    seed: 1,
    ...(roles === undefined ? {} : { roles }),
  });
  const muster = new ScriptedMuster();
  const variables = {
    MUSTER_URL: await muster.listen(),
    MUSTER_ENROLL_TOKEN: ENROLL_TOKEN,
    MUSTER_STATE_DIR: join(dir, 'state'),
    DOCKER_HOST: replay.server.dockerHost,
  };
  const logged: Fixture['logged'] = [];
  const log = pino(
    { level: 'debug', base: null },
    { write: (line: string) => void logged.push(JSON.parse(line) as never) },
  );
  // With `random` at 0.1, random waits are short but not zero.
  const waits = {
    unauthorized: { minMs: 200, maxMs: 600 },
    identity: { maxMs: IDENTITY_WAIT_MS_MAX, defaultMs: 200 },
    rotationMs,
  };
  // All waits for the engine are 50 times shorter than usual.
  const gate = { unreachable: { baseMs: 50, capMs: 300 }, answered: { baseMs: 200, capMs: 1_200 } };
  const timing: Timing = { random: () => 0.1, coalesceMs, waits, gate, ...options.timing };
  const running: { stop(): Promise<unknown> }[] = [];
  return {
    dir,
    muster,
    engine: replay.engine,
    engineServer: replay.server,
    variables,
    logged,
    run(overrides = {}) {
      const stop = new AbortController();
      const ended = runAgent(parseVariables({ ...variables, ...overrides }), log, stop.signal, timing).then(
        () => null,
        (error: unknown) => error as StopError,
      );
      const handle = {
        ended,
        stop: () => {
          stop.abort();
          return ended;
        },
      };
      running.push(handle);
      return handle;
    },
    once: (overrides = {}) =>
      runOnce(parseVariables({ ...variables, ...overrides }), log, new AbortController().signal, timing),
    stopAll: async () => void (await Promise.all(running.map((each) => each.stop()))),
    async close() {
      await Promise.all(running.map((each) => each.stop()));
      await Promise.all([muster.close(), replay.close()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function parseVariables(source: Record<string, string>): AgentEnv {
  const parsed = parseEnv(Object.fromEntries(Object.entries(source).filter(([, value]) => value !== '')));
  if (!parsed.success) throw new Error(parsed.errors.join('\n'));
  return parsed.env;
}
