import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** A third more than it is: what makes it grow beyond is to be noticed, since every host holds it in memory. */
const BYTES_MAX = 450_000;

/** The bundle holds something that an agent does not need. */
class BundleTooLargeError extends Error {}

/**
 * `z` as a namespace that is imported, and not as an object: only so can the bundler tell which parts of zod are used.
 * Error texts in fifty languages and JSON Schema's both ways are the other two thirds.
 */
const usedPartsOfZod: Plugin = {
  name: 'used-parts-of-zod',
  setup(bundler) {
    bundler.onLoad({ filter: /\/(apps|packages)\/[\w-]+\/src\/.*\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8')).replace(/^import \{ z \} from 'zod';$/m, "import * as z from 'zod';"),
    }));
  },
};

/**
 * The agent and all that it imports as one file of JavaScript at `outfile`: `esm` for Node.js, with a source map beside
 * it, `cjs` for an executable. A third of the memory of the same in its own modules is saved.
 * @throws BundleTooLargeError
 */
export async function bundleAgent(outfile: string, format: 'esm' | 'cjs'): Promise<void> {
  const { metafile } = await build({
    ...{ absWorkingDir: PACKAGE, entryPoints: ['src/main.ts'], outfile, bundle: true, metafile: true },
    ...{ platform: 'node', target: 'node20', format, conditions: ['source'], plugins: [usedPartsOfZod] },
    ...{ minifySyntax: true, minifyWhitespace: true, legalComments: 'none', logLevel: 'warning' },
    sourcemap: format === 'esm',
    // Packages that were written for CommonJS ask for Node's modules by `require`.
    ...(format === 'esm'
      ? {
          banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
        }
      : {}),
  });
  const bytes = Object.entries(metafile.outputs).find(([path]) => !path.endsWith('.map'))![1].bytes;
  if (bytes > BYTES_MAX) throw new BundleTooLargeError(`the agent's bundle has ${bytes} bytes, more than ${BYTES_MAX}`);
}
