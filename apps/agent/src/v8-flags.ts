import { setFlagsFromString } from 'node:v8';

/**
 * `--semi-space-growth-factor` and `--optimize-for-size`: garbage is collected sooner, because the young generation does
 * not grow beyond a megabyte, and code is compiled for size. `--no-opt` and `--no-maglev`: V8's optimizing compilers do
 * not run, because an agent that lists a hundred containers once a minute would use their code too rarely.
 */
const FLAGS = ['--semi-space-growth-factor=1', '--optimize-for-size', '--no-opt', '--no-maglev'];

/**
 * Reduces V8's memory use by a tenth, at no measurable cost of time. The flags are set at runtime because a single
 * executable accepts no Node options.
 */
export function limitHeapSize(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
