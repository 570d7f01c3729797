import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

/** What shrinks; fonts are compressed as they are. */
const TEXTS = /\.(html|js|css)$/;

/**
 * Writes beside each text of the build the same with Brotli (`.br`) and gzip (`.gz`), as small as they get: it is done
 * once here, and not by the API at every answer.
 */
export const precompress = (): Plugin => ({
  name: 'precompress',
  async writeBundle({ dir }, bundle) {
    if (dir === undefined) throw new Error('a build into no folder cannot be compressed there');
    const texts = Object.keys(bundle).filter((name) => TEXTS.test(name));
    await Promise.all(texts.map((name) => compress(join(dir, name))));
  },
});

async function compress(file: string): Promise<void> {
  const text = await readFile(file);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${file}.br`, await promisify(brotliCompress)(text, { params: quality }));
  await writeFile(`${file}.gz`, await promisify(gzip)(text, { level: constants.Z_BEST_COMPRESSION }));
}
