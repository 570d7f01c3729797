import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const PACKAGE_DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/**
 * Maximum size of the bundle, in bytes. The limit is a few percent above the current size, so that growth is
 * noticed. Growth matters because every host holds the bundle in memory.
 */
const BYTES_MAX = 525_000;

/** Thrown if the bundle exceeds `BYTES_MAX`, which means that it contains code that an agent does not need. */
class BundleTooLargeError extends Error {}

/**
 * Imports `z` as a namespace instead of an object, so that the bundler can drop the parts of zod that the agent does
 * not use. The dropped parts are two thirds of zod: error texts in fifty languages, and the conversion to and from JSON
 * Schema.
 */
const treeShakableZod: Plugin = {
  name: 'tree-shakable-zod',
  setup(bundler) {
    bundler.onLoad({ filter: /\/(apps|packages)\/[\w-]+\/src\/.*\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8')).replace(/^import \{ z \} from 'zod';$/m, "import * as z from 'zod';"),
    }));
  },
};

/**
 * Bundles the agent and its imports into one JavaScript file at `outfile`. The format `esm` is for Node.js and has a
 * source map next to the file. The format `cjs` is for an executable. One file saves a third of the memory that
 * separate modules take.
 * @throws BundleTooLargeError
 */
export async function bundleAgent(outfile: string, format: 'esm' | 'cjs'): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: PACKAGE_DIRECTORY,
    entryPoints: ['src/main.ts'],
    outfile,
    bundle: true,
    metafile: true,
    platform: 'node',
    target: 'node20',
    format,
    conditions: ['@muster/source'],
    plugins: [treeShakableZod],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    sourcemap: format === 'esm',
    // Defines `require`, with which CommonJS packages load Node's modules.
    ...(format === 'esm'
      ? {
          banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
        }
      : {}),
  });
  const bytes = Object.entries(metafile.outputs).find(([path]) => !path.endsWith('.map'))![1].bytes;
  if (bytes > BYTES_MAX) throw new BundleTooLargeError(`the bundle has ${bytes} bytes, the limit is ${BYTES_MAX}`);
}
