/**
 * A jest reporter for .ci/run. After each test file, it writes the two counts `PASSED FAILED` to
 * `$MUSTER_TEST_REPORT_DIR/counts` and the failed tests to problems.txt. If the run is killed, the results of the
 * completed files therefore remain. At the end, it prints the counts of each package.
 *
 * A skipped test counts as a failure, because CI requires every test to run. A file that crashes before its first test
 * counts as one failure, and so does a package without results. Otherwise, the sum would not include them.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const MESSAGE_LINES_MAX = 12;

const root = fileURLToPath(new URL('..', import.meta.url));

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)))
  .filter((path) => existsSync(join(root, path, 'package.json')))
  .filter((path) => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).scripts?.test !== undefined);

export default class TestCountsReporter {
  #directory = process.env.MUSTER_TEST_REPORT_DIR;
  #counts = {};

  constructor() {
    mkdirSync(this.#directory, { recursive: true });
  }

  onTestResult({ path, context }, { numPassingTests: passed, numFailingTests, testExecError, ...result }) {
    const failed = numFailingTests === 0 && testExecError ? 1 : numFailingTests;
    const skipped = result.numPendingTests + result.numTodoTests;
    this.#add(relative(root, context.config.rootDir), { passed, failed, skipped });
    if (failed + skipped === 0) return;
    this.#logProblem(`${relative(root, path)}: ${failed} failed, ${skipped} skipped`);
    for (const { fullName, failureMessages } of result.testResults.filter(({ status }) => status === 'failed')) {
      const lines = failureMessages.join('\n').split('\n').slice(0, MESSAGE_LINES_MAX);
      this.#logProblem(`  ${fullName}`, ...lines.map((line) => `    ${line}`));
    }
  }

  onRunComplete() {
    for (const name of packages.filter((path) => this.#counts[path] === undefined)) {
      this.#add(name, { passed: 0, failed: 1, skipped: 0 });
      this.#logProblem(`${name}: no results`);
    }
    for (const [name, { passed, failed, skipped }] of Object.entries(this.#counts)) {
      console.error(`${name.padEnd(28)} ${passed} passed, ${failed} failed, ${skipped} skipped`);
    }
  }

  #add(name, counts) {
    const before = this.#counts[name] ?? { passed: 0, failed: 0, skipped: 0 };
    this.#counts[name] = Object.fromEntries(Object.entries(before).map(([key, count]) => [key, count + counts[key]]));
    const sum = (key) => Object.values(this.#counts).reduce((total, each) => total + each[key], 0);
    writeFileSync(join(this.#directory, 'counts'), `${sum('passed')} ${sum('failed') + sum('skipped')}\n`);
  }

  #logProblem(...lines) {
    appendFileSync(join(this.#directory, 'problems.txt'), lines.map((line) => `${line}\n`).join(''));
  }
}
