/**
 * Jest's globalSetup for suites that want PostgreSQL: starts a server and names it in MUSTER_TEST_POSTGRES_URL. Where
 * that is set already, its server is used. Where none can be had, the suites do without, unless
 * MUSTER_TEST_REQUIRE_ALL=1 makes that a failure.
 *
 * JavaScript, because jest does not translate TypeScript of another package before its own start.
 */
import { tsImport } from 'tsx/esm/api';

export default async function setUpPostgres() {
  if (process.env.MUSTER_TEST_POSTGRES_URL) return;
  const { startPostgresCluster } = await tsImport('../src/postgres/cluster.ts', import.meta.url);
  const cluster = await startPostgresCluster();
  if (cluster.available) {
    process.env.MUSTER_TEST_POSTGRES_URL = cluster.url;
    globalThis.musterPostgresCluster = cluster;
    console.log(`\nPostgreSQL ${cluster.version} serves these tests.`);
  } else if (process.env.MUSTER_TEST_REQUIRE_ALL === '1') {
    throw new Error(`The tests on PostgreSQL are required: ${cluster.reason}.`);
  } else {
    console.warn(`\nThe tests on PostgreSQL are skipped: ${cluster.reason}.`);
  }
}
