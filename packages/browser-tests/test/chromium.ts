import { describe } from '@jest/globals';
import { findChromium } from '@muster/test-engines';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const installed = findChromium();

/** `describe` where there is a Chromium, else its `skip`, so that a run counts what it left out. */
export const describeInChromium: typeof describe | typeof describe.skip = installed === null ? describe.skip : describe;

export const openChromium = (): Promise<Browser> => chromium.launch(installed!);

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
