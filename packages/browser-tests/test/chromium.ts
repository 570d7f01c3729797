import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from '@jest/globals';
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

/** Long enough for a busy machine; nothing here measures time by it. */
const PATIENCE_MS = 30_000;

/** A browser, in which each test has a visit of its own: no cookies of another's, and no misdeeds that it may leave. */
export function useVisits(): { readonly context: BrowserContext; readonly page: Page } {
  let browser: Browser | undefined;
  let context: BrowserContext | undefined;
  let opened: Awaited<ReturnType<typeof openPage>> | undefined;
  beforeAll(async () => {
    browser = await openChromium();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    context = await browser!.newContext({ viewport: { width: 1440, height: 900 } });
    context.setDefaultTimeout(PATIENCE_MS);
    opened = await openPage(context);
  });
  afterEach(async () => {
    expect(opened!.misdeeds.list).toEqual([]);
    await context!.close();
  });
  return {
    get context() {
      return context!;
    },
    get page() {
      return opened!.page;
    },
  };
}
