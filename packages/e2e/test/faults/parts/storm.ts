import { fileURLToPath } from 'node:url';
import { askProgram, startProgram } from '@muster/testkit';
import type { StormRequest, StormResult } from '../load/storm.js';

/** A load generator, as seen by whoever started it. */
export interface Storm {
  rage(request: StormRequest): Promise<StormResult>;
  end(): Promise<unknown>;
}

/** Starts one; `through`: as ProgramOptions have it. */
export function startStorm(through: readonly string[] = []): Storm {
  const program = startProgram(fileURLToPath(new URL('../load/storm.js', import.meta.url)), { through, ipc: true });
  program.child.stderr?.pipe(process.stderr);
  return {
    rage: (request) => askProgram<StormResult>(program.child, request),
    end: () => program.stop('SIGKILL'),
  };
}
