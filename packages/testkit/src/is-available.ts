/**
 * Returns whether a dependency of tests, such as a browser, is available. `missing` is null if the dependency is
 * available. If not, `missing` describes the dependency and how to install it, and a message on standard error reports
 * that tests are skipped.
 * @throws Error if the dependency is missing and `MUSTER_TEST_REQUIRE_ALL` is 1.
 */
export function isAvailable(missing: string | null): boolean {
  if (missing === null) return true;
  if (process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw new Error(missing);
  process.stderr.write(`skipped: ${missing}\n`);
  return false;
}

/** Returns `block` (jest's `describe` or `test`) if the dependency is available, or else `block.skip`. */
export const runIf = <Block extends { skip: unknown }>(isAvailable: boolean, block: Block): Block | Block['skip'] =>
  isAvailable ? block : block.skip;
