/**
 * `node scripts/sum-test-counts.js DIRECTORY` sums the reports of test-counts-reporter.js in DIRECTORY and prints
 * `PASSED FAILED`. It writes the counts of each package to stderr and the failed tests to DIRECTORY/problems.txt. A
 * package without a report counts as one failure, because its test run broke before the first file. Each skipped test
 * also counts as a failure, because CI requires every test to run.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readReports } from './test-counts-reporter.js';

const MESSAGE_LINES_MAX = 12;

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = process.argv[2];
const reports = readReports(directory);

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
  .filter((path) => existsSync(join(path, 'package.json')))
  .filter((path) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).scripts?.test !== undefined);

let passed = 0;
let failed = 0;
const problems = [];
for (const path of packages) {
  const name = relative(root, path);
  const own = reports.filter((report) => report.package === path);
  const sum = (key) => own.reduce((total, report) => total + report[key], 0);
  const counts = own.length === 0 ? 'NO REPORT' : ['passed', 'failed', 'skipped'].map((key) => `${sum(key)} ${key}`);
  passed += sum('passed');
  failed += sum('failed') + sum('skipped') + (own.length === 0 ? 1 : 0);
  if (own.length === 0) problems.push(`${name}: no report`);
  console.error(`${name.padEnd(28)} ${[counts].flat().join(', ')}`);
  for (const { file, failed: failures, skipped, ...report } of own) {
    if (failures + skipped === 0) continue;
    const problem = `${name}/${file}: ${failures} failed, ${skipped} skipped`;
    console.error(`  ${problem}`);
    problems.push(problem);
    for (const { fullName, message } of report.failures) {
      const lines = message.split('\n').slice(0, MESSAGE_LINES_MAX);
      problems.push(`  ${fullName}`, ...lines.map((text) => `    ${text}`));
    }
  }
}
if (existsSync(directory)) writeFileSync(join(directory, 'problems.txt'), problems.map((line) => `${line}\n`).join(''));
console.log(`${passed} ${failed}`);
