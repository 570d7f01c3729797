/**
 * A jest reporter that appends one line of JSON per test file to `$MUSTER_TEST_REPORT_DIR/PID.jsonl`. .ci/run sums
 * these lines over all packages and lists the failed tests. A file that crashes before its first test counts as one
 * failure; otherwise the sum would omit it.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export default class TestCountsReporter {
  #file;

  constructor() {
    const directory = process.env.MUSTER_TEST_REPORT_DIR;
    mkdirSync(directory, { recursive: true });
    this.#file = join(directory, `${process.pid}.jsonl`);
  }

  onTestResult(
    { path, context },
    { numPassingTests: passed, numFailingTests, numPendingTests, numTodoTests, testExecError, testResults },
  ) {
    const failed = numFailingTests === 0 && testExecError ? 1 : numFailingTests;
    const skipped = numPendingTests + numTodoTests;
    const failures = testResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({ fullName, message: failureMessages.join('\n') }));
    const { rootDir } = context.config;
    const line = {
      package: rootDir,
      file: relative(rootDir, path),
      passed,
      failed,
      skipped,
      tests: testResults.map(({ fullName }) => fullName),
      failures,
    };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
