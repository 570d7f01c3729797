import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Operations, Paths } from '@muster/contracts';
import { createTestDatabase } from '@muster/db/testing';
import { findChromium, runIf } from '@muster/testkit';
import { chromium, type Browser } from 'playwright-core';
import { createApp } from '../src/app.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { useApi } from './harness.js';

const installed = findChromium();
// The page builds its content with scripts, so these tests need a browser.
const inBrowser = runIf(installed !== null, describe);

describe('GET /docs', () => {
  const context = useApi('pglite');

  test('has no inline script and loads only files of this server', async () => {
    const page = await context.api.http
      .get(Paths.docs)
      .expect(200)
      .expect('Content-Type', /^text\/html/);
    const policy = page.headers['content-security-policy']!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.text).not.toMatch(/<script(?![^>]* src=)|\son\w+=|\sstyle=|https?:/);
  });

  test('serves only files whose names contain a version, so that they can be cached forever', async () => {
    const page = await context.api.http.get(Paths.docs).expect(200);
    const files = [...page.text.matchAll(/"(\/docs\/swagger-ui-\d[^"]+)"/g)].map(([, path]) => path!);
    expect(files).toHaveLength(2);
    for (const path of files) {
      const file = await context.api.http.get(path).expect(200);
      expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable');
      await context.api.http.get(`${path}.map`).expect(404);
      await context.api.http.get(`${path}/more`).expect(404);
      await context.api.http.post(path).expect(405).expect('Allow', 'GET, HEAD');
      const refused = await context.api.http.get(path).set('If-Match', '"x"').expect(412);
      expect(refused.type).toBe('application/problem+json');
    }
    await context.api.http.get(`${files[0]!.split('/').slice(0, -1).join('/')}/package.json`).expect(404);
  });
});

inBrowser('the API documentation in a browser', () => {
  let browser: Browser;
  let server: HttpServer;
  let close: () => Promise<void>;

  beforeAll(async () => {
    const db = await createTestDatabase('pglite');
    server = await serve(createApp({ db }), { host: '127.0.0.1', port: 0 });
    browser = await chromium.launch(installed!);
    close = async () => {
      await browser.close();
      await server.drain(0);
      await db.close();
    };
  }, 180_000);
  afterAll(() => close());

  test('shows every operation and makes a call, without an error and without requests to other servers', async () => {
    const page = await browser.newPage();
    const pageErrors: string[] = [];
    const origins = new Set<string>();
    page.on('console', (message) => pageErrors.push(message.text()));
    page.on('pageerror', (error) => pageErrors.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) origins.add(new URL(request.url()).origin);
    });
    await page.goto(server.url + Paths.docs);
    await page
      .locator('.opblock')
      .nth(Object.keys(Operations).length - 1)
      .waitFor({ timeout: 60_000 });

    await page.locator('#operations-Service-isAlive .opblock-summary-control').click();
    await page.getByRole('button', { name: 'Try it out' }).click();
    await page.getByRole('button', { name: 'Execute' }).click();
    const answer = page.locator('.live-responses-table');
    await answer.getByText('"status"').waitFor();
    expect(await answer.innerText()).toContain('200');
    expect({ pageErrors, origins: [...origins] }).toEqual({ pageErrors: [], origins: [server.url] });
  }, 180_000);
});
