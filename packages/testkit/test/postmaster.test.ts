import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { startIfInstalled, startPostgresCluster } from '../src/postgres/cluster.js';
import { runIf } from '../src/is-available.js';

const cluster = await startIfInstalled(startPostgresCluster);

runIf(cluster !== null, test)("pid returns the id of the server's first process", async () => {
  const server = cluster!;
  try {
    const pid = await server.pid();
    // The first process has the command line of pg_ctl. All other processes have titles.
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/postgres\0-D\0/);
  } finally {
    await server.stop();
  }
});
