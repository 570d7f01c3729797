import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase } from '@muster/db/testing';
import type { Database } from '@muster/db';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { createAgentReleaseService } from '../src/services/agent-release/agent-release.js';
import { TestApi, testClock } from './harness.js';

const SCRIPT = `#!/bin/sh
MUSTER_URL_DEFAULT=''
CHECKSUMS=''
printf '%s|%s' "$MUSTER_URL_DEFAULT" "$CHECKSUMS"
`;

describe('the agent release', () => {
  let db: Database;
  let dir: string;
  beforeAll(async () => {
    db = await createTestDatabase('pglite');
    dir = await mkdtemp(join(tmpdir(), 'muster-release-'));
    await writeFile(join(dir, 'install.sh'), SCRIPT);
    await writeFile(join(dir, 'SHA256SUMS'), '00ff  muster-agent-linux-x64\n');
    await writeFile(join(dir, 'muster-agent-linux-x64'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]));
    await writeFile(join(dir, 'muster-agent.openrc'), '#!/sbin/openrc-run\n');
    await writeFile(join(dir, 'other'), 'not of the release');
  });
  afterAll(async () => {
    await db.close();
    await rm(dir, { recursive: true });
  });

  const apiWith = (directory: string | null, url = 'https://muster.example.com') =>
    supertest(
      createApp({
        db,
        agentRelease: createAgentReleaseService(directory, { publicUrl: url, localUrl: 'http://127.0.0.1:3000' }),
      }),
    );

  test('includes an install script that is pinned to the public URL, regardless of the request headers', async () => {
    const answer = await apiWith(dir)
      .get('/install.sh')
      .set('Host', 'evil.example.com')
      .set('X-Forwarded-Host', 'evil.example.com')
      .expect(200)
      .expect('Content-Type', /^text\/x-shellscript/)
      .buffer(true)
      .parse((res, done) => {
        let body = '';
        res.on('data', (chunk: Buffer) => (body += chunk.toString()));
        res.on('end', () => done(null, body));
      });
    const script = answer.body as string;
    expect(script).not.toContain('evil');
    expect(execFileSync('sh', ['-c', script]).toString()).toBe(
      'https://muster.example.com|00ff  muster-agent-linux-x64',
    );
  });

  test('responds to HEAD requests for the install script', async () => {
    const { headers } = await apiWith(dir).head('/install.sh').expect(200);
    expect(Number(headers['content-length'])).toBeGreaterThan(SCRIPT.length);
    await apiWith(null).head('/install.sh').expect(404);
  });

  test('quotes the public URL in the install script, so that no shell code in the URL runs', async () => {
    const url = "https://m.example.com/$(echo no)'; echo broken '`echo no`";
    const script = await createAgentReleaseService(dir, {
      publicUrl: url,
      localUrl: 'http://127.0.0.1:3000',
    }).installScript();
    expect(execFileSync('sh', ['-c', script]).toString()).toBe(`${url}|00ff  muster-agent-linux-x64`);
  });

  test('serves its files unchanged, and no other file of its directory', async () => {
    const api = apiWith(dir);
    const answer = await api.get('/agent-release/muster-agent-linux-x64').expect(200).buffer(true);
    expect([...(answer.body as Buffer)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 0]);
    await api.get('/agent-release/muster-agent.openrc').expect(200);
    for (const name of ['other', 'install.sh', '..%2Fother', '%2Fetc%2Fpasswd', 'sbom.cdx.json']) {
      await api.get(`/agent-release/${name}`).expect(404).expect('Content-Type', 'application/problem+json');
    }
  });

  test.each([
    ['a failed If-Match', { 'If-Match': '"x"' }, 412],
    ['an If-Unmodified-Since before its last change', { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 412],
    ['a range beyond its end', { Range: 'bytes=5-' }, 416],
  ])('refuses %s with a problem document, and the headers describe that document', async (_what, headers, status) => {
    const answer = await apiWith(dir).get('/agent-release/muster-agent-linux-x64').set(headers).expect(status);
    expect(answer.type).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ type: '/problems/invalid-request', status });
    expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
    for (const name of ['etag', 'last-modified', 'accept-ranges']) expect(answer.headers[name]).toBeUndefined();
    expect(answer.headers['content-range']).toBe(status === 416 ? 'bytes */5' : undefined);
  });

  test('responds to a range request with the requested part of a file', async () => {
    const request = apiWith(dir).get('/agent-release/muster-agent-linux-x64').set('Range', 'bytes=1-2');
    const answer = await request.expect(206).expect('Content-Range', 'bytes 1-2/5').buffer(true);
    expect([...(answer.body as Buffer)]).toEqual([0x45, 0x4c]);
  });

  test('is not found (404) if the API has no release', async () => {
    for (const directory of [null, join(dir, 'nowhere')]) {
      const api = apiWith(directory);
      await api.get('/install.sh').expect(404).expect('Content-Type', 'application/problem+json');
      await api.get('/agent-release/SHA256SUMS').expect(404).expect('Content-Type', 'application/problem+json');
    }
  });

  describe('that is damaged', () => {
    let damaged: string;
    let lines: string[];
    beforeEach(async () => {
      damaged = await mkdtemp(join(tmpdir(), 'muster-damaged-release-'));
      lines = [];
      await cp(dir, damaged, { recursive: true });
      await writeFile(join(damaged, 'sbom.cdx.json'), '{"metadata":{"component":{"version":"1.2.3"}}}');
    });
    afterEach(() => rm(damaged, { recursive: true }));

    /** Replaces a file with a directory, which even root cannot read as a file. */
    async function makeUnreadable(name: string): Promise<void> {
      await rm(join(damaged, name));
      await mkdir(join(damaged, name));
    }

    const damages: readonly [string, string, () => Promise<unknown>][] = [
      ['no checksums', 'SHA256SUMS is missing', () => rm(join(damaged, 'SHA256SUMS'))],
      ['unreadable checksums', 'SHA256SUMS cannot be read (EISDIR)', () => makeUnreadable('SHA256SUMS')],
      ['no bill of materials', 'sbom.cdx.json is missing', () => rm(join(damaged, 'sbom.cdx.json'))],
      [
        'an unreadable bill of materials',
        'sbom.cdx.json cannot be read (EISDIR)',
        () => makeUnreadable('sbom.cdx.json'),
      ],
      [
        'a bill of materials that ends early',
        'sbom.cdx.json has no version',
        () => writeFile(join(damaged, 'sbom.cdx.json'), '{"m'),
      ],
      ['no install script', 'install.sh is missing', () => rm(join(damaged, 'install.sh'))],
    ];

    test.each(damages)('is shown as failed, and the reason is logged once: %s', async (_what, why, damage) => {
      const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
      const service = createAgentReleaseService(damaged, {
        publicUrl: null,
        localUrl: 'http://127.0.0.1:3000',
        logger,
      });
      const api = new TestApi(db, createApp({ db, agentRelease: service }), testClock());
      const operator = await api.organization();
      const describeRelease = async (): Promise<unknown> => (await operator.get('/api/agent-release').expect(200)).body;
      expect(await describeRelease()).toMatchObject({ state: 'ready', version: '1.2.3' });
      await damage();
      const none = { version: null, executables: [], images: [], publicUrl: null };
      expect(await describeRelease()).toEqual({ state: 'failed', ...none });
      expect(await describeRelease()).toEqual({ state: 'failed', ...none });
      expect(lines).toEqual([expect.stringContaining(`The agent release on this server is damaged: ${why}.`)]);
    });

    test.each(['SHA256SUMS', 'install.sh'])(
      'makes /install.sh fail with 503 and the name of the damaged file, without a path: %s',
      async (name) => {
        for (const damage of [makeUnreadable, (file: string) => rm(join(damaged, file), { recursive: true })]) {
          await damage(name);
          const { body, text } = await apiWith(damaged).get('/install.sh').expect(503);
          expect(body).toMatchObject({
            type: '/problems/unavailable',
            detail: expect.stringMatching(
              new RegExp(`^The agent release on this server is damaged: ${name} .*\\. Build the release again\\.$`),
            ),
          });
          expect(text).not.toContain(tmpdir());
        }
      },
    );

    test('makes a download fail with 503 and the name of the unreadable file, without a path', async () => {
      await makeUnreadable('muster-agent-linux-x64');
      const { text } = await apiWith(damaged).get('/agent-release/muster-agent-linux-x64').expect(503);
      expect(text).toContain('muster-agent-linux-x64 is not a file. Build the release again.');
      // The release is a file instead of a directory.
      const other = await apiWith(join(dir, 'other')).get('/agent-release/SHA256SUMS').expect(503);
      expect(other.text).toContain('SHA256SUMS cannot be read (ENOTDIR)');
      expect(text + other.text).not.toContain(tmpdir());
    });
  });
});
