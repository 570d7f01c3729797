import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@muster/db/testing';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { createApp } from '../src/app.js';

const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

describe('the dashboard', () => {
  let db: TestDatabase;
  let directory: string;
  const http = () => supertest(createApp({ db, webDir: directory }));

  beforeAll(async () => {
    db = await createTestDatabase('pglite');
    directory = await mkdtemp(join(tmpdir(), 'muster-web-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), '<!doctype html><title>Muster</title>');
    await writeFile(join(directory, 'assets', 'index-4f2a.js'), 'export {};');
    await writeFile(join(directory, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  });
  afterAll(async () => {
    await db.close();
    await rm(directory, { recursive: true });
  });

  test.each(['/', '/containers', '/hosts/42'])('answers a browser that goes to %s with its page', async (path) => {
    const { headers, text } = await http().get(path).set(HTML).expect(200);
    expect(text).toContain('<title>Muster</title>');
    expect(headers).toMatchObject({ 'cache-control': 'no-cache', vary: 'Accept' });
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';script-src 'self';/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });

  test.each([
    ['whoever does not ask for HTML', '/containers', { Accept: '*/*' }],
    ['whoever calls the API, whatever they accept', '/api/nothing', HTML],
    ['whoever asks for a file that is not there', '/assets/gone.js', HTML],
  ])('answers %s with a problem', async (_who, path, headers) => {
    await http().get(path).set(headers).expect(404).expect('Content-Type', 'application/problem+json');
  });

  test('is not there for what would change something', async () => {
    await http().post('/containers').set(HTML).expect(404).expect('Content-Type', 'application/problem+json');
  });

  test('has what is named by its content kept for good, and all else asked for again', async () => {
    const hashed = await http().get('/assets/index-4f2a.js').expect(200);
    expect(hashed.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const icon = await http().get('/icon.svg').expect(200);
    expect(icon.headers['cache-control']).toBe('no-cache');
  });

  test.each(['/../package.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json'])(
    'gives nothing from outside its folder: %s',
    async (path) => {
      const { status, text } = await http().get(path);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain('dependencies');
    },
  );

  test('that was never built leaves the API alone', async () => {
    const app = createApp({ db, webDir: join(directory, 'never') });
    await supertest(app).get('/').set(HTML).expect(404).expect('Content-Type', 'application/problem+json');
    await supertest(app).get('/healthz').expect(200);
  });
});
