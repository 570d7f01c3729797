import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** Debian's, and where others have theirs. */
const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser'].find(existsSync);
if (executablePath === undefined) {
  const unavailable = 'there is no Chromium: apt-get install chromium';
  if (process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw new Error(unavailable);
  process.stderr.write(`skipped: ${unavailable}\n`);
}

/** `describe` where there is a Chromium, else its `skip`, so that a run counts what it left out. */
export const describeInChromium: typeof describe | typeof describe.skip =
  executablePath === undefined ? describe.skip : describe;

export const openChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executablePath!,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });

/** What a page did that no page of ours may: errors nobody caught, and what its policy had to refuse. */
export interface Misdeeds {
  readonly list: string[];
}

/** Opens a page that tells of its misdeeds. */
export async function openPage(context: BrowserContext): Promise<{ page: Page; misdeeds: Misdeeds }> {
  const page = await context.newPage();
  const list: string[] = [];
  page.on('pageerror', (error) => list.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) list.push(message.text());
  });
  return { page, misdeeds: { list } };
}
