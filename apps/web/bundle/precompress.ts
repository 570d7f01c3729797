import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

/** The files to compress. Fonts are omitted because they are already compressed. */
const TEXT_FILES = /\.(html|js|css)$/;

/**
 * Writes a Brotli (`.br`) and a gzip (`.gz`) copy of each text file of the build, at the highest compression level, so
 * that the API does not need to compress files for each request.
 */
export const precompress = (): Plugin => ({
  name: 'precompress',
  async writeBundle({ dir }, bundle) {
    if (dir === undefined) throw new Error('cannot compress the build: it has no output directory');
    const textFiles = Object.keys(bundle).filter((name) => TEXT_FILES.test(name));
    await Promise.all(textFiles.map((name) => compress(join(dir, name))));
  },
});

async function compress(file: string): Promise<void> {
  const text = await readFile(file);
  const brotliParams = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${file}.br`, await promisify(brotliCompress)(text, { params: brotliParams }));
  await writeFile(`${file}.gz`, await promisify(gzip)(text, { level: constants.Z_BEST_COMPRESSION }));
}
