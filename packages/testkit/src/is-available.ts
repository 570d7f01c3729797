/**
 * Returns whether a real part of the tests, such as a browser, is available. `missing` says what is missing and how to
 * install it; null if nothing is missing. If something is, writes to standard error that tests are skipped.
 * @throws Error if something is missing and `MUSTER_TEST_REQUIRE_ALL` is 1.
 */
export function isAvailable(missing: string | null): boolean {
  if (missing === null) return true;
  if (process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw new Error(missing);
  process.stderr.write(`skipped: ${missing}\n`);
  return false;
}
