/** Tests commands that call the API. They run in this process, against a fake server. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../src/command-line.js';
import type { Screen } from '../src/terminal.js';

const KEY = 'muster_key_of_a_test';

let folder: string;
let server: Server;
let handler: RequestListener;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
  server = createServer((req, res) => handler(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function muster(args: string[], screen: Screen | null, env: Record<string, string> = {}) {
  const written = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    screen,
    askSecret: () => Promise.resolve(KEY),
    interrupted: new AbortController().signal,
  });
  return { code, ...written };
}
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe('an export with control characters in its texts', () => {
  const TERMINAL: Screen = { columns: 80, hasColors: true };
  // An escape sequence (ESC), a bell (BEL), the one-character form of ESC [ (C1), and a right-to-left override.
  const HOSTILE = 'a\u001b]0;x\u0007\u009b2J\u202eb';
  const CONTROL = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
  const FILES = {
    csv: `name,command\r\n"${HOSTILE}",ok\r\n`,
    ndjson: `${JSON.stringify({ name: HOSTILE })}\n${JSON.stringify({ name: 'b' })}\n`,
  };

  const runExport = async (format: keyof typeof FILES, screen: Screen | null) => {
    const bytes = Buffer.from(FILES[format]);
    handler = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/plain' });
      // Sends one byte at a time, so that characters and lines are split across chunks.
      void (async () => {
        for (const byte of bytes) {
          res.write(Buffer.of(byte));
          await new Promise((resolve) => setImmediate(resolve));
        }
        res.end();
      })();
    };
    const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
    const { code, out, err } = await muster(['export', 'containers', '--format', format], screen, env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };

  test.each(['csv', 'ndjson'] as const)('writes no control characters to a terminal (%s)', async (format) => {
    const shown = await runExport(format, TERMINAL);
    expect(shown).not.toMatch(CONTROL);
    expect(shown.split('\n')).toHaveLength(3);
    expect(shown).toMatch(format === 'csv' ? /^name,command\n".*",ok\n$/ : /^\{"name":".*"\}\n\{"name":"b"\}\n$/);
  });

  test.each(['csv', 'ndjson'] as const)('is unchanged for a file or pipe (%s)', async (format) => {
    expect(await runExport(format, null)).toBe(FILES[format]);
  });
});

describe('the file that login writes', () => {
  const login = async () => {
    handler = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify({ items: [], nextCursor: null }));
    };
    return muster(['login', url()], null, { XDG_CONFIG_HOME: folder });
  };
  const modes = async () => {
    const directory = join(folder, 'muster');
    const of = async (path: string) => (await stat(path)).mode & 0o777;
    return { directory: await of(directory), file: await of(join(directory, 'connection.json')) };
  };

  test('is not accessible to other users, even with umask 0', async () => {
    const umask = process.umask(0);
    try {
      expect((await login()).code).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect(await modes()).toEqual({ directory: 0o700, file: 0o600 });
  });

  test('is not accessible to other users, even if the directory and the file were accessible before', async () => {
    const directory = join(folder, 'muster');
    await mkdir(directory);
    await chmod(directory, 0o777);
    await writeFile(join(directory, 'connection.json'), '{}');
    await chmod(join(directory, 'connection.json'), 0o666);
    expect((await login()).code).toBe(0);
    expect(await modes()).toEqual({ directory: 0o700, file: 0o600 });
  });
});
