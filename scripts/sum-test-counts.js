/**
 * `node scripts/sum-test-counts.js DIRECTORY` sums the reports of test-counts-reporter.js in DIRECTORY and prints
 * `PASSED FAILED`. It writes the counts of each package to stderr and the failed tests to DIRECTORY/problems.txt. A
 * package without a report counts as one failure, because its test run broke before the first file. Each skipped test
 * also counts as a failure, because CI requires every test to run.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = process.argv[2];

const lines = (existsSync(directory) ? readdirSync(directory) : [])
  .filter((name) => name.endsWith('.jsonl'))
  .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
  .map((line) => JSON.parse(line));

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
  .filter((path) => existsSync(join(path, 'package.json')))
  .filter((path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).scripts?.test !== undefined);

let passed = 0;
let failed = 0;
const problems = [];
for (const path of packages) {
  const own = lines.filter((line) => line.package === path);
  const sum = (key) => own.reduce((total, line) => total + line[key], 0);
  const counts = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  passed += counts.passed;
  failed += counts.failed + counts.skipped + (own.length === 0 ? 1 : 0);
  if (own.length === 0) problems.push(`${path.slice(root.length)}: no report`);
  const summary = own.length === 0 ? 'NO REPORT' : Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.error(`${path.slice(root.length).padEnd(28)} ${String(summary).replaceAll(',', ', ')}`);
  for (const line of own.filter(({ failed, skipped }) => failed + skipped > 0)) {
    const where = `${path.slice(root.length)}/${line.file}`;
    console.error(`  ${where}: ${line.failed} failed, ${line.skipped} skipped`);
    problems.push(`${where}: ${line.failed} failed, ${line.skipped} skipped`);
    for (const { fullName, message } of line.failures) {
      problems.push(
        `  ${fullName}`,
        ...message
          .split('\n')
          .slice(0, 12)
          .map((text) => `    ${text}`),
      );
    }
  }
}
if (existsSync(directory)) writeFileSync(join(directory, 'problems.txt'), problems.map((line) => `${line}\n`).join(''));
console.log(`${passed} ${failed}`);
