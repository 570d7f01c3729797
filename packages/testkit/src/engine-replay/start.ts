import { seededRandom } from '../random.js';
import { loadCapture, type Flavour } from './captures.js';
import { ReplayedEngine } from './engine.js';
import { createLife, type Role } from './life.js';
import { serveReplay, type Listen, type ReplayServer } from './server.js';

export interface ReplayOptions {
  flavour: Flavour;
  listen: Listen;
  seed: number;
  /** The containers, and what happens to them. Default: the captured containers, without changes. */
  roles?: readonly Role[];
  /** Divides the time between changes. Default: 1. */
  tempo?: number;
  /** Replaces fields of the captured `/info`: the `Name`, and what identifies the engine (`ID`, `DockerRootDir`). */
  info?: Readonly<Record<string, unknown>>;
}

/** Starts a replayed engine, whose containers change in real time until it is closed. */
export async function startReplayedEngine(
  options: ReplayOptions,
): Promise<{ engine: ReplayedEngine; server: ReplayServer; close(): Promise<void> }> {
  const { flavour, listen, seed, roles, tempo = 1, info } = options;
  const engine = new ReplayedEngine(await loadCapture(flavour), { nowMs: Date.now, random: seededRandom(seed) });
  let timer: NodeJS.Timeout | undefined;
  if (roles === undefined) {
    engine.adoptCaptured();
  } else {
    const life = createLife(engine, roles, { seed, nowMs: Date.now(), tempo });
    const advance = (): void => {
      life.advance(Date.now());
      timer = setTimeout(advance, Math.max(10, life.nextAtMs() - Date.now()));
    };
    advance();
  }
  const server = await serveReplay(engine, listen, info);
  return {
    engine,
    server,
    async close() {
      clearTimeout(timer);
      await server.close();
    },
  };
}
