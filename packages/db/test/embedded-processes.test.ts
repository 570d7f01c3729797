/** Tests that only one process can open an embedded database, and that a kill loses no acknowledged write. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { openDatabase } from '../src/open-database.js';
import { DatabaseLockedError } from '../src/errors.js';
import { loadMigrations } from '../src/migrations.js';
import { cachedTemplate } from '../src/template.js';
import { rejectionOf, temporaryDirectory } from './fixtures.js';

const WRITER_SCRIPT = fileURLToPath(new URL('./writer.js', import.meta.url));

let folder: { path: string; remove: () => Promise<void> };
let dataDir: string;
const writers: ChildProcess[] = [];

beforeEach(async () => {
  await cachedTemplate(await loadMigrations());
  folder = await temporaryDirectory();
  dataDir = join(folder.path, 'data');
});
afterEach(async () => {
  await Promise.all(writers.splice(0).map(kill));
  await folder.remove();
});

async function kill(writer: ChildProcess): Promise<void> {
  if (writer.exitCode !== null || writer.signalCode !== null) return;
  const exited = once(writer, 'exit');
  writer.kill('SIGKILL');
  await exited;
}

function startWriter(): { process: ChildProcess; lines: AsyncIterator<string> } {
  const writer = spawn(process.execPath, [WRITER_SCRIPT, dataDir], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  writers.push(writer);
  return { process: writer, lines: createInterface({ input: writer.stdout })[Symbol.asyncIterator]() };
}

test('acknowledged writes survive kill -9, which unlocks the directory immediately', async () => {
  const writer = startWriter();
  let acknowledged = -1;
  while (acknowledged < 200) acknowledged = Number((await writer.lines.next()).value);
  const error = await rejectionOf(openDatabase({ dataDir }));
  expect(error).toBeInstanceOf(DatabaseLockedError);
  expect(error.message).toContain(dataDir);
  await kill(writer.process);
  for (let line = await writer.lines.next(); line.done !== true; line = await writer.lines.next()) {
    acknowledged = Number(line.value);
  }

  const database = await openDatabase({ dataDir });
  const count = await database.prisma.organization.count();
  // The writer may have committed one more row than it printed.
  expect([acknowledged + 1, acknowledged + 2]).toContain(count);
  expect((await startWriter().lines.next()).value).toMatch(/^DatabaseLockedError: /);
  await database.close();
});

test('a start succeeds after the first start was killed at any moment', async () => {
  for (const afterMs of [600, 1200, 1800]) {
    await folder.remove();
    const writer = startWriter();
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await kill(writer.process);
    const database = await openDatabase({ dataDir });
    await database.prisma.organization.count();
    await database.close();
  }
});
