/**
 * `node scripts/sum-test-counts.js DIRECTORY` adds up what test-counts-reporter.js left there and prints `PASSED FAILED`.
 * On standard error it says what each package had. A package whose `test` script reported nothing counts as a failure
 * (its run broke before the first file), and so does each test that was skipped: where everything is required, a test
 * that did not run is one that did not pass.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = process.argv[2];

const lines = (existsSync(directory) ? readdirSync(directory) : [])
  .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line));

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
  .filter((path) => existsSync(join(path, 'package.json')))
  .filter((path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).scripts?.test !== undefined);

let passed = 0;
let failed = 0;
for (const path of packages) {
  const own = lines.filter((line) => line.package === path);
  const sum = (key) => own.reduce((total, line) => total + line[key], 0);
  const counts = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  passed += counts.passed;
  failed += counts.failed + counts.skipped + (own.length === 0 ? 1 : 0);
  const told = own.length === 0 ? 'NO REPORT' : Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.error(`${path.slice(root.length).padEnd(28)} ${String(told).replaceAll(',', ', ')}`);
  for (const line of own.filter(({ failed, skipped }) => failed + skipped > 0)) {
    console.error(`  ${line.file}: ${line.failed} failed, ${line.skipped} skipped`);
  }
}
console.log(`${passed} ${failed}`);
