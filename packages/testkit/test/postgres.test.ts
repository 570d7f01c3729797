import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startIfInstalled, startPostgresCluster } from '../src/postgres/cluster.js';
import { runIf } from '../src/is-available.js';

/** Returns whether a process listens on the server's port. */
function isListening(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** PostgreSQL's startup message, protocol 3.0, as user postgres. */
const HELLO = Buffer.from('\0\0\0\x17\0\x03\0\0user\0postgres\0\0', 'latin1');

/** Connects once, and returns whether the server rejected the connection because it was not ready. */
function isRejected(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1', () => socket.write(HELLO));
    socket.once('data', (answer: Buffer) => {
      socket.destroy();
      resolve(answer.includes('57P03'));
    });
    socket.once('error', () => resolve(false));
  });
}

async function untilFree(url: string): Promise<void> {
  for (let tries = 0; (await isListening(url)) && tries < 600; tries += 1) await sleep(50);
  expect(await isListening(url)).toBe(false);
}

const cluster = await startIfInstalled(startPostgresCluster);

runIf(cluster !== null, describe)('a PostgreSQL server for tests', () => {
  test('restarts on the same port after a crash, and ends when it is stopped', async () => {
    const server = cluster!;
    expect(Number.parseInt(server.version, 10)).toBeGreaterThanOrEqual(15);
    expect(await isListening(server.url)).toBe(true);
    await server.crash();
    expect(await isListening(server.url)).toBe(false);
    await server.restart();
    expect(await isListening(server.url)).toBe(true);
    await server.stop();
    expect(await isListening(server.url)).toBe(false);
    await server.stop();
  });

  test('waits for the recovery after a crash, during which the server rejects connections', async () => {
    const server = await startPostgresCluster({ durable: true });
    try {
      let rejections = 0;
      for (let round = 0; round < 3 || (rejections === 0 && round < 10); round += 1) {
        await server.crash();
        let started = false;
        const restart = server.restart().finally(() => (started = true));
        const client = async () => {
          while (!started) if (await isRejected(server.url)) rejections += 1;
        };
        await Promise.all([restart, client(), client()]);
      }
      expect(rejections).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  });

  test('reports immediately why it cannot start', async () => {
    const server = await startPostgresCluster();
    try {
      await server.crash();
      const port = Number(new URL(server.url).port);
      const portHolder = createServer().listen(port, '127.0.0.1');
      await once(portHolder, 'listening');
      const startedAt = performance.now();
      await expect(server.restart()).rejects.toThrow('could not bind');
      // Otherwise, pg_ctl waits for a minute.
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      portHolder.close();
      await server.restart();
      expect(await isListening(server.url)).toBe(true);
    } finally {
      await server.stop();
    }
  });

  test('can be stopped while it is frozen', async () => {
    const server = await startPostgresCluster();
    await server.freeze();
    await server.stop();
    expect(await isListening(server.url)).toBe(false);
  });

  test('ends soon after the process that started it is killed, even if the server is frozen', async () => {
    const starter = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('./start-and-wait.ts', import.meta.url))],
      { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [url] = (await once(createInterface({ input: starter.stdout }), 'line')) as [string];
    expect(await isListening(url)).toBe(true);
    starter.kill('SIGKILL');
    await untilFree(url);
  });
});
