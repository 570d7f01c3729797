import { gzipSync } from 'node:zlib';
import type { Plugin, Rolldown } from 'vite';

/**
 * Fails the build where a page needs more script than this at its first load, and says how much each needs: its own
 * chunk, the entry, and all that they import at once. Kilobytes are of 1,000 bytes, gzipped as a server would.
 */
export const scriptBudget = ({ kBMax }: { kBMax: number }): Plugin => ({
  name: 'script-budget',
  generateBundle(_options, bundle) {
    const chunks = Object.values(bundle).filter((output) => output.type === 'chunk');
    const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
    const kBOf = new Map(chunks.map(({ fileName, code }) => [fileName, gzipSync(code).length / 1_000]));
    const entry = chunks.find(({ isEntry }) => isEntry);
    if (entry === undefined) throw new Error('a build without an entry has no first load to measure');

    const loads = chunks
      .filter(({ isDynamicEntry, name }) => isDynamicEntry && name.endsWith('-page'))
      .map((page) => {
        const files = withImports([entry, page], byFile);
        return { page: page.name, kB: files.reduce((sum, file) => sum + kBOf.get(file)!, 0) };
      })
      .sort((a, b) => b.kB - a.kB);
    if (loads.length === 0) throw new Error('no page was found: they are known by the end of their files’ names');

    const lines = loads.map(({ page, kB }) => `${kB.toFixed(1).padStart(7)} kB  ${page}`);
    this.info(`script at first load, gzipped, of at most ${kBMax} kB\n${lines.join('\n')}`);
    if (loads[0]!.kB > kBMax) this.error(`${loads[0]!.page} needs more script than ${kBMax} kB:\n${lines.join('\n')}`);
  },
});

/** The files of these chunks and of what they import statically, each once. */
function withImports(
  from: readonly Rolldown.OutputChunk[],
  byFile: ReadonlyMap<string, Rolldown.OutputChunk>,
): string[] {
  const found = new Set<string>();
  const take = ({ fileName, imports }: Rolldown.OutputChunk): void => {
    if (found.has(fileName)) return;
    found.add(fileName);
    for (const file of imports) {
      const chunk = byFile.get(file);
      if (chunk !== undefined) take(chunk);
    }
  };
  from.forEach(take);
  return [...found];
}
