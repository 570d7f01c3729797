import { gzipSync } from 'node:zlib';
import type { Plugin, Rolldown } from 'vite';

/**
 * Fails the build if the first load of a page needs more than `kBMax` of script, and logs how much each page needs,
 * which is its own chunk, the entry and everything that the two import statically. A kilobyte is 1,000 bytes, after
 * gzip.
 */
export const scriptBudget = ({ kBMax }: { kBMax: number }): Plugin => ({
  name: 'script-budget',
  generateBundle(_options, bundle) {
    const chunks = Object.values(bundle).filter((output) => output.type === 'chunk');
    const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
    const kBOf = new Map(chunks.map(({ fileName, code }) => [fileName, gzipSync(code).length / 1_000]));
    const entry = chunks.find(({ isEntry }) => isEntry);
    if (entry === undefined) throw new Error('cannot measure the first load: the build has no entry chunk');

    const loads = chunks
      .filter(({ isDynamicEntry, name }) => isDynamicEntry && name.endsWith('-page'))
      .map((page) => {
        const files = withImports([entry, page], byFile);
        return { page: page.name, kB: files.reduce((sum, file) => sum + kBOf.get(file)!, 0) };
      })
      .sort((a, b) => b.kB - a.kB);
    if (loads.length === 0) throw new Error('found no page chunk: the name of a page’s file must end in "-page"');

    const lines = loads.map(({ page, kB }) => `${kB.toFixed(1).padStart(7)} kB  ${page}`);
    this.info(`script at first load, gzipped (limit: ${kBMax} kB)\n${lines.join('\n')}`);
    if (loads[0]!.kB > kBMax) this.error(`${loads[0]!.page} needs more script than ${kBMax} kB:\n${lines.join('\n')}`);
  },
});

/** Returns the files of these chunks and of everything that they import statically, without duplicates. */
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
