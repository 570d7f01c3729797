import { gzipSync } from 'node:zlib';
import type { Plugin, Rolldown } from 'vite';

/**
 * Fails the build if the first load of a page needs more than `kBMax` of script, and logs how much each page needs. A
 * page needs its own chunk, the entry chunk and everything that these two import statically. Sizes are measured after
 * gzip compression; 1 kB is 1,000 bytes.
 */
export const scriptBudget = ({ kBMax }: { kBMax: number }): Plugin => ({
  name: 'script-budget',
  generateBundle(_options, bundle) {
    const chunks = Object.values(bundle).filter((output) => output.type === 'chunk');
    const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
    const kBByFile = new Map(chunks.map(({ fileName, code }) => [fileName, gzipSync(code).length / 1_000]));
    const entry = chunks.find(({ isEntry }) => isEntry);
    if (entry === undefined) throw new Error('cannot measure the first load: the build has no entry chunk');

    const pageSizes = chunks
      .filter(({ isDynamicEntry, name }) => isDynamicEntry && name.endsWith('-page'))
      .map((page) => {
        const files = withImports([entry, page], byFile);
        return { page: page.name, kB: files.reduce((sum, file) => sum + kBByFile.get(file)!, 0) };
      })
      .sort((a, b) => b.kB - a.kB);
    if (pageSizes.length === 0) throw new Error('found no page chunk: the name of a page’s file must end in "-page"');

    const lines = pageSizes.map(({ page, kB }) => `${kB.toFixed(1).padStart(7)} kB  ${page}`);
    this.info(`script at first load, gzipped (limit: ${kBMax} kB)\n${lines.join('\n')}`);
    if (pageSizes[0]!.kB > kBMax)
      this.error(`${pageSizes[0]!.page} needs more script than ${kBMax} kB:\n${lines.join('\n')}`);
  },
});

/** Returns the files of the given chunks and of everything that they import statically, without duplicates. */
function withImports(
  roots: readonly Rolldown.OutputChunk[],
  byFile: ReadonlyMap<string, Rolldown.OutputChunk>,
): string[] {
  const fileNames = new Set<string>();
  const addChunk = ({ fileName, imports }: Rolldown.OutputChunk): void => {
    if (fileNames.has(fileName)) return;
    fileNames.add(fileName);
    for (const file of imports) {
      const chunk = byFile.get(file);
      if (chunk !== undefined) addChunk(chunk);
    }
  };
  roots.forEach(addChunk);
  return [...fileNames];
}
