import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { postmasterPid } from '../src/postgres/databases.js';
import { startIfInstalled } from './start-if-installed.js';

const cluster = await startIfInstalled();
const onPostgres = cluster === null ? test.skip : test;

onPostgres("postmasterPid returns the id of the server's first process", async () => {
  const server = cluster!;
  try {
    const pid = await postmasterPid(server.url);
    // The first process has the command line of pg_ctl; all others have titles.
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/postgres\0-D\0/);
  } finally {
    await server.stop();
  }
});
