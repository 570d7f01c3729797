import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { createTestDatabase } from '@muster/db/testing';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../src/app.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { createAgentReleaseService } from '../src/services/agent-release/agent-release.js';
import { withAdmission } from './with-admission.js';
import { container } from './fixtures.js';
import { TestApi, testClock, type TestOrganization } from './harness.js';

const STALLED_MS = 1_000;
const RELEASE_FILE = 'muster-agent-linux-x64';

describe('a client that does not read a long response', () => {
  let db: Database;
  let directory: string;
  let server: HttpServer;
  let organization: TestOrganization;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    db = await createTestDatabase('pglite');
    directory = await mkdtemp(join(tmpdir(), 'muster-slow-readers-'));
    for (const file of [RELEASE_FILE, 'large.js']) {
      await writeFile(join(directory, file), '');
      await truncate(join(directory, file), 64 * 1024 * 1024);
    }
    const clock = testClock();
    const app = createApp({
      db,
      now: clock,
      webDir: directory,
      stalledMsMax: STALLED_MS,
      stream: { operatorListenersMax: 2 },
      agentRelease: createAgentReleaseService(directory, { publicUrl: null, localUrl: 'http://127.0.0.1:3000' }),
    });
    organization = await new TestApi(db, app, clock).organization();
    const host = await organization.enroll();
    const rows = Array.from({ length: 1_000 }, (_, i) => container(`c${i}`, { labels: { large: 'x'.repeat(8_000) } }));
    await host.sync(rows);
    server = await serve(withAdmission(app, { requestsInWorkMax: 8 }), { host: '127.0.0.1', port: 0 });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(async () => {
    await server.drain(0);
    await db.close();
    await rm(directory, { recursive: true });
  });

  /** Sends a request, and reads only the beginning of the response. */
  async function requestAndStall(path: string): Promise<{ status: number; closed: Promise<void> }> {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    sockets.push(socket);
    socket.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${organization.adminKey}\r\n\r\n`);
    const head = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.pause();
    return { status: Number(head.toString('latin1').split(' ')[1]), closed };
  }
  const get = (path: string) =>
    fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${organization.adminKey}` } });

  /** Waits until the sockets have closed. A paused socket notices only when it reads again. */
  async function expectClosed(...responses: readonly { closed: Promise<void> }[]): Promise<void> {
    // Waits in short steps, so that the server checks its readers at each step, even after a pause of this process.
    for (let step = 0; step < 12; step += 1) await new Promise((resolve) => setTimeout(resolve, STALLED_MS / 4));
    for (const socket of sockets) socket.resume();
    await Promise.all(responses.map(({ closed }) => closed));
  }

  const LONG_RESPONSES = [`${Paths.exportContainers}?format=ndjson`, `/agent-release/${RELEASE_FILE}`, '/large.js'];
  let stalledTogether: Promise<{ status: number; closed: Promise<void> }[]> | undefined;

  /** Requests all long responses at the same time, and waits until the server has closed all connections. */
  async function stallTogether() {
    const responses = await Promise.all(LONG_RESPONSES.map(requestAndStall));
    await expectClosed(...responses);
    return responses;
  }

  test.each(LONG_RESPONSES)('is disconnected if it requested %s', async (path) => {
    const responses = await (stalledTogether ??= stallTogether());
    expect(responses[LONG_RESPONSES.indexOf(path)]!.status).toBe(200);
  });

  test('can send HEAD for an export while two exports run, because HEAD starts no export', async () => {
    const exportPath = `${Paths.exportContainers}?format=ndjson`;
    const first = await Promise.all([requestAndStall(exportPath), requestAndStall(exportPath)]);
    const head = await fetch(`${server.url}${exportPath}`, {
      method: 'HEAD',
      headers: { Authorization: `Bearer ${organization.adminKey}` },
    });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    expect(head.headers.get('content-disposition')).toMatch(/^attachment; filename="muster-containers-/);
    await expectClosed(...first);
  });

  test('can run at most two exports, and does not prevent exports of other clients', async () => {
    const exportPath = `${Paths.exportContainers}?format=ndjson`;
    const first = await Promise.all([requestAndStall(exportPath), requestAndStall(exportPath)]);
    expect(first.map(({ status }) => status)).toEqual([200, 200]);
    const refused = await get(exportPath);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    const other = await organization.api.apiKey(organization.id, 'viewer');
    const answer = await fetch(`${server.url}${exportPath}`, { headers: { Authorization: `Bearer ${other}` } });
    expect(answer.status).toBe(200);
    expect((await answer.text()).split('\n')).toHaveLength(1_001);
    await expectClosed(...first);
    expect((await get(exportPath)).status).toBe(200);
  });

  test('can open no more streams than its limit, and does not prevent streams of other clients', async () => {
    const [first] = await Promise.all([requestAndStall(Paths.stream), requestAndStall(Paths.stream)]);
    expect(first.status).toBe(200);
    expect((await get(Paths.stream)).status).toBe(429);
    const other = await organization.api.apiKey(organization.id, 'viewer');
    const answer = await fetch(`${server.url}${Paths.stream}`, { headers: { Authorization: `Bearer ${other}` } });
    expect(answer.status).toBe(200);
    await answer.body?.cancel();
  });

  test('does not keep other clients from downloading files, because a file that is being sent occupies no slot', async () => {
    const files = await Promise.all(Array.from({ length: 6 }, () => requestAndStall(`/agent-release/${RELEASE_FILE}`)));
    expect(files.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect((await get('/nothing-is-here')).status).toBe(404);
  });
});
