/**
 * `node scripts/check-dependencies.js` holds docs/dependencies.md equal to what the workspaces depend on directly: every
 * package has its reason there, and nothing is there that nobody depends on. It also wants each version to be one
 * version and no range. Exits with 1, and a line for each thing that is wrong.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENT = 'docs/dependencies.md';

const manifests = ['.', 'apps', 'packages']
  .flatMap((folder) => (folder === '.' ? ['.'] : readdirSync(join(root, folder)).map((name) => join(folder, name))))
  .map((workspace) => join(workspace, 'package.json'))
  .filter((path) => existsSync(join(root, path)));

const used = manifests.flatMap((path) => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, path), 'utf8'));
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !version.startsWith('workspace:'))
    .map(([name, version]) => ({ path, name, version }));
});

// A row of a table: | `name` | reason |
const rows = [...readFileSync(join(root, DOCUMENT), 'utf8').matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)];
const reasons = new Map(rows.map(([, name, reason]) => [name, reason.trim()]));

const problems = [
  ...used
    .filter(({ name }) => !reasons.get(name))
    .map(({ path, name }) => `${name}, of ${path}, has no reason in ${DOCUMENT}`),
  ...used
    .filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(({ path, name, version }) => `${name}, of ${path}, is not one version but ${version}`),
  ...[...reasons.keys()]
    .filter((name) => !used.some((dependency) => dependency.name === name))
    .map((name) => `${name} stands in ${DOCUMENT}, and nobody depends on it`),
];
for (const problem of new Set(problems)) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
