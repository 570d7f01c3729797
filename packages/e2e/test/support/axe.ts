import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Returns the violations that axe finds, each with its elements. */
export async function findViolations(page: Page): Promise<string[]> {
  // The page's Content Security Policy would block a script element, so the test evaluates the script.
  await page.evaluate(await readFile(AXE, 'utf8'));
  const violations = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe
      // Without this option, axe also describes each element that passes.
      .run({ resultTypes: ['violations'] })
      .then((results) => results.violations),
  );
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
  );
}
