import { expect, test } from '@jest/globals';
import { postmasterPid } from '../src/postgres/databases.js';
import { startPostgresCluster, type PostgresCluster } from '../src/postgres/cluster.js';
import { parentOf } from '../src/proc.js';

const cluster = await startPostgresCluster();
const isRequired = process.env['MUSTER_TEST_REQUIRE_ALL'] === '1';
const onPostgres = cluster.available || isRequired ? test : test.skip;

onPostgres("a server's first process is found every time, although the asking connection closes at once", async () => {
  const server = cluster as PostgresCluster;
  try {
    const pids = new Set<number>();
    for (let i = 0; i < 50; i += 1) pids.add(await postmasterPid(server.url));
    expect(pids.size).toBe(1);
    expect(() => parentOf([...pids][0]!)).not.toThrow();
  } finally {
    await server.stop();
  }
});
