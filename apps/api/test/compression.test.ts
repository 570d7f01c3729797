import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { get, type IncomingMessage } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';
import { TestServer } from './test-server.js';

const DECODERS = { br: brotliDecompressSync, gzip: gunzipSync, identity: (bytes: Buffer) => bytes } as const;

describe('the compression of responses', () => {
  const context = useApi('pglite', { sharesDatabase: true });
  let organization: TestOrganization;
  let host: TestHost;
  let server: TestServer;
  beforeAll(async () => {
    organization = await context.api.organization();
    host = await organization.enroll();
    await host.sync(Array.from({ length: 200 }, (_, i) => container(`c${i}`)));
    server = await TestServer.start(context.api.app);
  });
  afterAll(() => server.close());

  /** Calls the API with `node:http`, which does not decompress the response. */
  async function call(path: string, accepted: string, method = 'GET', token = organization.adminKey) {
    const headers = { Authorization: `Bearer ${token}`, 'Accept-Encoding': accepted };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${server.url}${path}`, { headers, method, agent: false }, resolve).on('error', reject).end();
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(chunks) };
  }
  const page = `${Paths.containers}?limit=200`;

  test.each(['br', 'gzip'] as const)(
    'with %s reduces a page to less than a tenth of its size, and keeps its ETag',
    async (name) => {
      const plain = await call(page, 'identity');
      expect(plain.headers).not.toHaveProperty('content-encoding');
      const { headers, bytes } = await call(page, name);
      expect(headers['content-encoding']).toBe(name);
      expect(headers['vary']).toBe('Accept-Encoding');
      expect(headers['etag']).toBe(plain.headers['etag']);
      expect(DECODERS[name](bytes).equals(plain.bytes)).toBe(true);
      expect(bytes.length).toBeLessThan(plain.bytes.length / 10);
    },
  );

  test('does not affect the Content-Length of a response to HEAD', async () => {
    const plain = await call(page, 'identity');
    const head = await call(page, 'br', 'HEAD');
    expect(head.headers).not.toHaveProperty('content-encoding');
    expect(head.headers['content-length']).toBe(String(plain.bytes.length));
  });

  test.each([
    ['small responses', `${Paths.hosts}?q=none`, 'GET', 'operator'],
    ['problem documents', `${Paths.hosts}?${'unknown=1&'.repeat(40)}`, 'GET', 'operator'],
    ['responses to agents', Paths.agentToken, 'GET', 'agent'],
    ['exported files', Paths.exportContainers, 'GET', 'operator'],
  ])('is not applied to %s', async (_what, path, method, who) => {
    const { headers, bytes } = await call(path, 'br, gzip', method, who === 'agent' ? host.token : undefined);
    expect(headers).not.toHaveProperty('content-encoding');
    expect(bytes.length).toBeGreaterThan(0);
  });

  test('is not applied to the live stream for a client that accepts no compression', async () => {
    const client = await server.listen(organization.adminKey);
    expect(client.answer.headers).not.toHaveProperty('content-encoding');
    expect(client.answer.headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    await client.until(() => client.of('summary').length > 0);
    client.close();
  });
});
