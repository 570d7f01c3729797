import { loadCapture, type Flavour } from './captures.js';
import { createLife, type Role } from './life.js';
import { seededRandom } from './random.js';
import { ReplayedEngine } from './engine.js';
import { serveReplay, type Listen, type ReplayServer } from './server.js';

/** What to replay. */
export interface ReplayOptions {
  flavour: Flavour;
  listen: Listen;
  seed: number;
  /** The containers and how they live; none: those that were captured, as they were. */
  roles?: readonly Role[];
  /** Divides each wait between two changes; 1 when left out. */
  tempo?: number;
  /** Written over the captured `/info`: `Name`, and what makes an identity (`ID`, `DockerRootDir`). */
  info?: Readonly<Record<string, unknown>>;
}

/** Starts a replayed engine that lives by the machine's clock until it is closed. */
export async function startReplayedEngine(
  options: ReplayOptions,
): Promise<{ engine: ReplayedEngine; server: ReplayServer; close(): Promise<void> }> {
  const { flavour, listen, seed, roles, tempo = 1, info } = options;
  const capture = await loadCapture(flavour);
  const engine = new ReplayedEngine(capture, { nowMs: Date.now, random: seededRandom(seed) });
  let timer: NodeJS.Timeout | undefined;
  if (roles === undefined) {
    engine.adoptCaptured();
  } else {
    const life = createLife(engine, roles, { seed, nowMs: Date.now(), tempo });
    const live = (): void => {
      life.advance(Date.now());
      timer = setTimeout(live, Math.max(10, life.nextAtMs() - Date.now()));
    };
    live();
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
