import { fileURLToPath } from 'node:url';
import { askProgram, ProgramError } from '@muster/testkit';
import { startProgram, stopProgram } from '../program.js';
import type { HostProgress } from '../workload.js';
import type { FleetShape } from './fleet.js';
import type { GeneratorAnswer, GeneratorRequest, LoadRequest, LoadResult } from './generator.js';

/** The load generator, as seen by whoever started it. */
export interface LoadGenerator {
  /** Makes hosts under a name, none of which has said anything yet. */
  fleet(name: string, shape: FleetShape): Promise<void>;
  /** @throws ProgramError if an answer was neither the one to be expected nor a 503: what fails may be fast. */
  load(request: LoadRequest): Promise<LoadResult>;
  /** How far each host of a fleet has come: what a database must then hold. */
  progress(fleet: string): Promise<HostProgress[]>;
  stop(): Promise<void>;
}

/** Starts a generator. When `signal` is aborted it ends at once, and what it was asked for is rejected. */
export function startGenerator(signal: AbortSignal): LoadGenerator {
  const child = startProgram(fileURLToPath(new URL('generator.js', import.meta.url)), {});
  child.stderr?.pipe(process.stderr);
  const end = () => child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  const request = async <T>(message: GeneratorRequest): Promise<T> => {
    const answer = await askProgram<GeneratorAnswer>(child, message);
    if ('error' in answer) throw new ProgramError(`the load generator failed: ${answer.error}`);
    return answer.result as T;
  };
  return {
    fleet: (fleet, shape) => request({ ask: 'fleet', fleet, shape }),
    async load(load) {
      const result = await request<LoadResult>({ ask: 'load', ...load });
      if (result.failed > 0) {
        throw new ProgramError(
          `${load.fleet}: ${result.failed} of ${result.requests} requests (${load.traffic.kind}) failed: ${result.firstFailure}`,
        );
      }
      return result;
    },
    progress: (fleet) => request({ ask: 'progress', fleet }),
    async stop() {
      signal.removeEventListener('abort', end);
      await stopProgram(child);
    },
  };
}
