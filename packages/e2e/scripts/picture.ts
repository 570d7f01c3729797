/**
 * Takes the README's screenshot: runs the demo, waits until there is enough activity to show, and writes
 * docs/dashboard.png. Build the demo first, then run `pnpm --filter @muster/e2e picture`.
 */
import { fileURLToPath } from 'node:url';
import { eventually, mainOf, startProgram } from '@muster/testkit';
import { chromium } from 'playwright-core';

const TARGET = fileURLToPath(new URL('../../../docs/dashboard.png', import.meta.url));
/** How long the demo runs before the screenshot: long enough for some containers to crash. */
const ACTIVITY_MS = 180_000;

const demo = startProgram(mainOf('demo'), { args: ['--for', '900'] });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox'] });
try {
  const [, url, email, password] = await eventually(() => {
    const match = /demo is running at (\S+)\nOpen it, and sign in as (\S+) with the password (\S+)/.exec(demo.stdout());
    if (match === null) throw new Error(`the demo is not ready: ${demo.stdout()}${demo.stderr()}`);
    return match;
  }, 180_000);
  const page = await browser.newPage({ viewport: { width: 1360, height: 880 }, colorScheme: 'light' });
  await page.goto(url!);
  await page.getByLabel('Email').fill(email!);
  await page.getByLabel('Password').fill(password!);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Live', { exact: true }).waitFor();
  await new Promise((resolve) => setTimeout(resolve, ACTIVITY_MS));
  // Moves the mouse away from all elements, so that no element is drawn as hovered.
  await page.mouse.move(0, 0);
  await page.screenshot({ path: TARGET });
} finally {
  await browser.close();
  await demo.stop();
}
