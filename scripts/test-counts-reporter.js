/**
 * A jest reporter that appends one line of JSON per test file to `$MUSTER_TEST_REPORT_DIR/PID.jsonl`. .ci/run sums
 * these lines over all packages and lists the failed tests. A file that crashes before its first test counts as one
 * failure; otherwise the sum would omit it.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export default class TestCountsReporter {
  #file;

  constructor() {
    const directory = process.env.MUSTER_TEST_REPORT_DIR;
    mkdirSync(directory, { recursive: true });
    this.#file = join(directory, `${process.pid}.jsonl`);
  }

  onTestResult({ path, context }, result) {
    const { numPassingTests: passed, numFailingTests, numPendingTests, numTodoTests, testExecError } = result;
    const { rootDir } = context.config;
    const report = {
      package: rootDir,
      file: relative(rootDir, path),
      passed,
      failed: numFailingTests === 0 && testExecError ? 1 : numFailingTests,
      skipped: numPendingTests + numTodoTests,
      tests: result.testResults.map(({ fullName }) => fullName),
      failures: result.testResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => ({ fullName, message: failureMessages.join('\n') })),
    };
    appendFileSync(this.#file, `${JSON.stringify(report)}\n`);
  }
}

/** Reads the reports in a directory, one for each test file. */
export const readReports = (directory) =>
  (existsSync(directory) ? readdirSync(directory) : [])
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line));
