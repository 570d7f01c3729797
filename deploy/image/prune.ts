import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface Manifest {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/** The dashboard is a bundle of files, so nothing loads the packages that it was built from. */
const BUNDLED = join('node_modules', '@muster', 'web');

/** Files of pnpm and of development tools. Links to the commands of packages are in `.bin`. */
const UNUSED = /^(\..+|pnpm-.*\.yaml|tsconfig.*\.json)$/;
/** Tests and source maps of other projects. Muster's own source maps give stack traces the right lines. */
const UNUSED_OF_OTHERS = /^(tests?|.*\.map)$/;
/** Types and sources, which Node.js does not load, and the parts of Prisma for databases that Muster does not support. */
const UNUSED_FILES = /\.[cm]?tsx?$|^query_compiler_\w+\.(cockroachdb|mysql|sqlite|sqlserver)\./;

/**
 * Deletes what the programs in `directory` never load: packages that are only optional peers (Prisma's command line,
 * for example), the packages from which the dashboard was built, tests, types, and the parts of Prisma for other
 * databases. `directory` is the output of `pnpm deploy` without symbolic links.
 */
export async function prune(directory: string): Promise<void> {
  const needed = new Set<string>();
  await collect(directory, directory, needed);
  for (const path of await packagesIn(directory)) {
    if (!needed.has(path)) await rm(path, { recursive: true, force: true });
  }
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const isOwn = relative(directory, path).startsWith(join('node_modules', '@muster'));
    const unused = [UNUSED, ...(isOwn ? [] : [UNUSED_OF_OTHERS]), ...(entry.isFile() ? [UNUSED_FILES] : [])];
    if (unused.some((each) => each.test(entry.name))) await rm(path, { recursive: true, force: true });
  }
}

/** Adds the package at `path` and all packages that it needs, directly or indirectly. */
async function collect(root: string, path: string, needed: Set<string>): Promise<void> {
  if (needed.has(path)) return;
  needed.add(path);
  if (path.endsWith(BUNDLED)) return;
  const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as Manifest;
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest;
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => peerDependenciesMeta?.[name]?.optional !== true);
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
    const found = find(root, path, name);
    // Overrides in pnpm-workspace.yaml remove some dependencies.
    if (found !== null) await collect(root, found, needed);
  }
}

/** Returns the directory from which Node.js would load the package `name` for a file in `path`. */
function find(root: string, path: string, name: string): string | null {
  for (let directory = path; directory.startsWith(root); directory = dirname(directory)) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return null;
}

/** Returns the directories of all packages below `directory`. */
async function packagesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const inModules = /[/\\]node_modules(?:[/\\]@[^/\\]+)?$/;
  return entries
    .filter((entry) => entry.isDirectory() && inModules.test(entry.parentPath) && !/^[@.]/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
