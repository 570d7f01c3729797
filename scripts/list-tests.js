/** `node scripts/list-tests.js DIRECTORY` prints the names of tests that test-counts-reporter.js recorded there, as JSON. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readReports } from './test-counts-reporter.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const byPackage = {};
for (const { package: path, file, tests } of readReports(process.argv[2]).sort((a, b) => (a.file < b.file ? -1 : 1))) {
  (byPackage[relative(root, path)] ??= {})[file] = tests;
}
const packages = Object.entries(byPackage)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, tests]) => [name, { count: Object.values(tests).flat().length, tests }]);
console.log(JSON.stringify(Object.fromEntries(packages), null, 1));
