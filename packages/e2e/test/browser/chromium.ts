import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from '@jest/globals';
import { findChromium } from '@muster/testkit';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

const installed = findChromium();

/** `describe` if Chromium is installed, else `describe.skip`, so that the run reports the skipped tests. */
export const describeInChromium: typeof describe | typeof describe.skip = installed === null ? describe.skip : describe;

export const openChromium = (): Promise<Browser> => chromium.launch(installed!);

/** The uncaught errors and Content Security Policy violations of a page. The dashboard must cause none. */
export interface Misdeeds {
  readonly list: string[];
}

/** Opens a page and records its errors and policy violations. */
export async function openPage(context: BrowserContext): Promise<{ page: Page; misdeeds: Misdeeds }> {
  const page = await context.newPage();
  const list: string[] = [];
  page.on('pageerror', (error) => list.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) list.push(message.text());
  });
  return { page, misdeeds: { list } };
}

/** A generous timeout for busy machines. No test measures time with it. */
const PATIENCE_MS = 30_000;

/** Starts a browser. Each test gets a new context without cookies, and fails on errors and policy violations. */
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
