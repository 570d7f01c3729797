/** Tests a public URL with a path, behind proxies that remove the path and behind proxies that keep it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { removeBasePath } from '../src/http/base-path.js';
import { createAgentReleaseService } from '../src/services/agent-release/index.js';
import { setupLink, startBanner } from '../src/services/accounts/start-banner.js';
import { useApi } from './harness.js';
import { member, PASSWORD } from './users.js';
import { withAdmission } from './with-admission.js';

const PUBLIC_URL = 'https://ops.example.com/tools/muster';
const BASE_PATH = '/tools/muster';
const PAGE =
  '<!doctype html><meta name="base-path" content="" /><link rel="icon" href="/icon.svg" />' +
  '<script src="/assets/index-1.js"></script><a href="/docs">docs</a><a href="https://example.com/">site</a>';

describe('a public URL with a path', () => {
  const context = useApi('pglite');
  let directory: string;
  const createListener = (publicUrl: string): RequestListener =>
    removeBasePath(
      publicUrl,
      withAdmission(
        createApp({
          db: context.api.db,
          publicUrl,
          webDir: directory,
          secret: 'one secret for all processes of this test',
          agentRelease: createAgentReleaseService(directory, { publicUrl, localUrl: publicUrl }),
        }),
        {},
      ),
    );
  let listener: RequestListener;
  const http = () => supertest(createServer(listener));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-base-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), PAGE);
    await writeFile(join(directory, 'index.html.br'), 'a copy without the path');
    await writeFile(join(directory, 'assets', 'index-1.js'), 'export {};');
    await writeFile(join(directory, 'install.sh'), '#!/bin/sh\nMUSTER_URL_DEFAULT=\nCHECKSUMS=\n');
    await writeFile(join(directory, 'SHA256SUMS'), '');
    listener = createListener(PUBLIC_URL);
  });
  afterAll(() => rm(directory, { recursive: true }));

  describe.each([
    ['with the path', BASE_PATH],
    ['without the path, because a proxy removed it', ''],
  ])('serves requests %s', (_how, prefix) => {
    test('of programs and agents', async () => {
      const { adminKey } = await context.api.organization();
      const { body } = await http()
        .get(`${prefix}${Paths.hosts}?limit=1`)
        .auth(adminKey, { type: 'bearer' })
        .expect(200);
      expect(body).toEqual({ items: [], nextCursor: null });
      await http().post(`${prefix}${Paths.agentHeartbeat}`).expect(401);
      await http().get(`${prefix}${Paths.ready}`).expect(200);
    });

    test('for the page, in which the URL of each local file begins with the path', async () => {
      for (const path of ['/', '/hosts/42?q=a', '/index.html']) {
        const { text, headers } = await http()
          .get(prefix + path)
          .set({ Accept: 'text/html', 'Accept-Encoding': 'br' })
          .expect(200);
        expect(text).toBe(
          `<!doctype html><meta name="base-path" content="${BASE_PATH}" /><link rel="icon" href="${BASE_PATH}/icon.svg" />` +
            `<script src="${BASE_PATH}/assets/index-1.js"></script><a href="${BASE_PATH}/docs">docs</a>` +
            '<a href="https://example.com/">site</a>',
        );
        expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'content-type': 'text/html; charset=utf-8' });
        expect(headers['content-security-policy']).toContain("base-uri 'none'");
      }
      await http()
        .get(`${prefix}/assets/index-1.js`)
        .expect(200)
        .expect('Content-Type', /javascript/);
    });

    test('for the documentation, which loads and calls the API below the path', async () => {
      const page = await http()
        .get(prefix + Paths.docs)
        .expect(200);
      const urls = [...page.text.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, url]) => url!);
      expect(urls.length).toBeGreaterThan(3);
      for (const url of urls) {
        expect(url).toMatch(/^\/tools\/muster\//);
        await http().get(url).expect(200);
      }
      const script = await http().get(`${prefix}${Paths.docs}/start.js`).expect(200);
      expect(script.text).toContain(`url: "${BASE_PATH}/openapi.json"`);
      const { body } = await http()
        .get(prefix + Paths.openApi)
        .expect(200);
      expect(body).toMatchObject({ servers: [{ url: BASE_PATH }] });
    });

    test('for the install script, which reports to the public URL', async () => {
      const { text } = await http().get(`${prefix}/install.sh`).expect(200);
      expect(text).toContain(`MUSTER_URL_DEFAULT='${PUBLIC_URL}'\n`);
    });
  });

  test('serves the page at the path itself, but not at a longer path that begins with the same characters', async () => {
    const html = { Accept: 'text/html' };
    await http().get(BASE_PATH).set(html).expect(200);
    await http().get(`${BASE_PATH}?q=a`).set(html).expect(200);
    await http().get(`${BASE_PATH}s${Paths.ready}`).expect(404);
    // The server removes the path only once.
    await http().get(`${BASE_PATH}${BASE_PATH}${Paths.ready}`).expect(404);
  });

  test('is part of every link that Muster prints', () => {
    expect(setupLink(PUBLIC_URL, 't')).toBe(`${PUBLIC_URL}/setup#token=t`);
    const banner = startBanner({ url: PUBLIC_URL, database: 'x', adminKey: null, setup: null });
    for (const [url] of banner.matchAll(/https:\S+/g))
      expect(url).toMatch(/^https:\/\/ops\.example\.com\/tools\/muster/);
  });

  test('has a separate cookie name, because browsers send cookies to all paths of a host', async () => {
    const { id } = await context.api.organization();
    const { email } = await member(context.api, id, 'admin');
    const signIn = async (publicUrl: string) => {
      const server = createServer(createListener(publicUrl));
      const answer = await supertest(server).post(Paths.session).send({ email, password: PASSWORD }).expect(201);
      const cookie = String(answer.headers['set-cookie']).split(';')[0]!;
      const read = async (url: string) => {
        const other = supertest(createServer(createListener(url)));
        return (await other.get(Paths.session).set('Cookie', cookie)).status;
      };
      return { cookie: String(answer.headers['set-cookie']), read };
    };
    const own = await signIn(PUBLIC_URL);
    expect(own.cookie).toMatch(/^__Host-muster_session_[0-9a-f]{8}=[^;]+;.* Path=\/;.*; Secure/);
    expect(await own.read(PUBLIC_URL)).toBe(200);
    expect(await own.read('https://ops.example.com/tools/other')).toBe(401);
    expect(await own.read('https://ops.example.com')).toBe(401);
    // Without a path, the cookie has the same name as in earlier versions, so sessions survive an upgrade.
    expect((await signIn('https://ops.example.com')).cookie).toMatch(/^__Host-muster_session=/);
  });
});
