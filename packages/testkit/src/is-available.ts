/**
 * Returns whether tests can use something, which is the case if there is no reason against it. Otherwise reports on
 * standard error that tests are skipped.
 * @throws Error if `MUSTER_TEST_REQUIRE_ALL` is 1, which forbids skipping tests.
 */
export function isAvailable(reasonAgainst: string | null): boolean {
  if (reasonAgainst === null) return true;
  if (process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw new Error(reasonAgainst);
  process.stderr.write(`skipped: ${reasonAgainst}\n`);
  return false;
}
