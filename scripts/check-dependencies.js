/**
 * Checks that docs/dependencies.md lists every direct dependency of the workspaces with a reason, and lists no other
 * packages. Also checks that every dependency has an exact version, not a range. Prints a line for each problem and
 * exits with 1 if there is one.
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

// Table rows: | `name` | reason |
const rows = [...readFileSync(join(root, DOCUMENT), 'utf8').matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)];
const reasons = new Map(rows.map(([, name, reason]) => [name, reason.trim()]));

const problems = [
  ...used
    .filter(({ name }) => !reasons.get(name))
    .map(({ path, name }) => `${path}: ${name} has no reason in ${DOCUMENT}`),
  ...used
    .filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(({ path, name, version }) => `${path}: ${name} must have an exact version, not ${version}`),
  ...[...reasons.keys()]
    .filter((name) => !used.some((dependency) => dependency.name === name))
    .map((name) => `${DOCUMENT}: no workspace depends on ${name}`),
];
for (const problem of new Set(problems)) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
