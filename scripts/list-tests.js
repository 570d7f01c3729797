/** `node scripts/list-tests.js DIRECTORY` prints the names of tests that test-counts-reporter.js recorded there, as JSON. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = process.argv[2];

const files = readdirSync(directory)
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line));

const byPackage = {};
for (const { package: path, file, tests } of files.sort((a, b) => (a.file < b.file ? -1 : 1))) {
  (byPackage[relative(root, path)] ??= {})[file] = tests;
}
const packages = Object.entries(byPackage)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, tests]) => [name, { count: Object.values(tests).flat().length, tests }]);
console.log(JSON.stringify(Object.fromEntries(packages), null, 1));
