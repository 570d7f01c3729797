import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import supertest from 'supertest';
import { createApp } from '../src/app.js';

const SCRIPT = 'export {};';
const PAGE = '<!doctype html><title>Muster</title>';

const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

describe('the dashboard', () => {
  let db: TestDatabase;
  let directory: string;
  const http = () => supertest(createApp({ db, webDir: directory }));

  beforeAll(async () => {
    db = await createTestDatabase('pglite');
    directory = await mkdtemp(join(tmpdir(), 'muster-web-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), PAGE);
    await writeFile(join(directory, 'index.html.br'), brotliCompressSync(PAGE));
    await writeFile(join(directory, 'index.html.gz'), gzipSync(PAGE));
    await writeFile(join(directory, 'assets', 'index-4f2a.js'), SCRIPT);
    await writeFile(join(directory, 'assets', 'index-4f2a.js.br'), brotliCompressSync(SCRIPT));
    await writeFile(join(directory, 'assets', 'index-4f2a.js.gz'), gzipSync(SCRIPT));
    await writeFile(join(directory, 'assets', 'old-77.js'), SCRIPT);
    await writeFile(join(directory, 'assets', 'old-77.js.gz'), gzipSync(SCRIPT));
    await writeFile(join(directory, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  });
  afterAll(async () => {
    await db.close();
    await rm(directory, { recursive: true });
  });

  test.each([
    ['/', 'br'],
    ['/containers?q=web', 'gzip'],
    ['/hosts/42', 'identity'],
  ])('sends the page to a browser that navigates to %s, encoded as %s', async (path, encoding) => {
    const { headers, text } = await http().get(path).set(HTML).set('Accept-Encoding', encoding).expect(200);
    expect(text).toBe(PAGE);
    expect(headers['content-encoding'] ?? 'identity').toBe(encoding);
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/html/),
      'cache-control': 'no-cache',
      vary: 'Accept, Accept-Encoding',
    });
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });

  test.each([
    ['any type', { Accept: '*/*' }],
    ['no type', {}],
    ['an image or anything else', { Accept: 'image/avif, */*;q=0.1' }],
    ['HTML rather than JSON', { Accept: 'application/json;q=0.5, text/html' }],
  ])('sends the page at / to a client that accepts %s, for GET and HEAD', async (_what, headers) => {
    const { text } = await http()
      .get('/')
      .set(headers)
      .expect(200)
      .expect('Content-Type', /^text\/html/);
    expect(text).toBe(PAGE);
    await http()
      .head('/')
      .set(headers)
      .expect(200)
      .expect('Content-Type', /^text\/html/);
  });

  test.each([
    ['a client that accepts only JSON', '/', { Accept: 'application/json' }],
    ['a client that prefers JSON', '/', { Accept: 'application/json, */*;q=0.5' }],
    ['a wrong path of the API', '/api', { Accept: '*/*' }],
    ['a client that does not accept HTML', '/containers', { Accept: '*/*' }],
    ['a call of the API that accepts HTML', '/api/nothing', HTML],
    ['a request for a missing file', '/assets/gone.js', HTML],
  ])('responds to %s with 404 and a problem document', async (_who, path, headers) => {
    await http().get(path).set(headers).expect(404).expect('Content-Type', 'application/problem+json');
  });

  test('responds with 404 to a POST to a page', async () => {
    await http().post('/containers').set(HTML).expect(404).expect('Content-Type', 'application/problem+json');
  });

  test('allows clients to cache files with a hash in their name forever, and makes them revalidate all other files', async () => {
    const hashed = await http().get('/assets/index-4f2a.js').expect(200);
    expect(hashed.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const icon = await http().get('/icon.svg').expect(200);
    expect(icon.headers['cache-control']).toBe('no-cache');
  });

  test.each([
    ['Brotli if it is accepted', 'index-4f2a', 'gzip, deflate, br, zstd', 'br'],
    ['gzip if Brotli is not accepted', 'index-4f2a', 'gzip, deflate', 'gzip'],
    ['gzip if Brotli is refused', 'index-4f2a', 'br;q=0, gzip', 'gzip'],
    ['gzip if there is no Brotli file', 'old-77', 'gzip, br', 'gzip'],
    ['nothing if no encoding is accepted', 'index-4f2a', 'identity', undefined],
  ])('sends a file compressed with %s', async (_what, name, accepted, encoding) => {
    const { headers, text } = await http().get(`/assets/${name}.js?v=1`).set('Accept-Encoding', accepted).expect(200);
    expect(text).toBe(SCRIPT);
    expect(headers['content-encoding']).toBe(encoding);
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/javascript/),
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Accept-Encoding',
      'x-content-type-options': 'nosniff',
    });
  });

  test.each([
    ['a failed If-Match', { 'If-Match': '"x"' }, 412],
    ['a range beyond its end', { Range: 'bytes=1000-' }, 416],
  ])('refuses %s with a problem document that does not have the file’s headers', async (_what, headers, status) => {
    for (const path of ['/assets/index-4f2a.js', '/index.html']) {
      for (const accepted of ['br', 'identity']) {
        const request = http()
          .get(path)
          .set({ ...headers, 'Accept-Encoding': accepted });
        const answer = await request.expect(status).expect('Content-Type', 'application/problem+json');
        expect(answer.body).toMatchObject({ status });
        expect(answer.headers).not.toHaveProperty('content-encoding');
        expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
        expect(answer.headers['cache-control']).toBe('no-store');
      }
    }
  });

  test('refuses other methods on its files with 405 and Allow', async () => {
    for (const path of ['/assets/index-4f2a.js', '/icon.svg']) {
      const answer = await http().post(path).expect(405).expect('Content-Type', 'application/problem+json');
      expect(answer.headers['allow']).toBe('GET, HEAD');
    }
    for (const path of ['/assets/gone.js', '/assets', '/..%2Fpackage.json', '/%00'])
      await http().post(path).expect(404);
  });

  test('gives each encoding of a file a separate ETag, and returns 304 for this ETag', async () => {
    const get = (accepted: string) => http().get('/assets/index-4f2a.js').set('Accept-Encoding', accepted);
    const tags = new Set<string>();
    for (const accepted of ['br', 'gzip', 'identity']) {
      const { headers } = await get(accepted).expect(200);
      tags.add(headers['etag']!);
      const again = await get(accepted).set('If-None-Match', headers['etag']!).expect(304);
      expect(again.headers['vary']).toBe('Accept-Encoding');
    }
    expect(tags.size).toBe(3);
  });

  test.each(['/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json'])(
    'serves nothing from outside its directory: %s',
    async (path) => {
      const { status, text } = await http().get(path);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('dependencies');
    },
  );

  test('does not affect the API if it was never built', async () => {
    const app = createApp({ db, webDir: join(directory, 'never') });
    await supertest(app).get('/').set(HTML).expect(404).expect('Content-Type', 'application/problem+json');
    await supertest(app).get('/healthz').expect(200);
  });
});
