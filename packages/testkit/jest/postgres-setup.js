/**
 * Jest's globalSetup for tests on PostgreSQL: starts a server for each worker and puts the URLs of the servers,
 * separated by spaces, into MUSTER_TEST_POSTGRES_URL. If the variable is already set, the tests use the servers that it
 * names. If PostgreSQL is not installed, the tests that need it are skipped, or fail if MUSTER_TEST_REQUIRE_ALL=1.
 *
 * Workers cannot share a server, because all databases of a server share transaction ids. An open transaction of one
 * test file would therefore delay the live streams of another.
 *
 * This file is JavaScript, because jest does not compile a globalSetup file with this package's TypeScript.
 */
import { tsImport } from 'tsx/esm/api';

export default async function setUpPostgres({ maxWorkers }) {
  const given = process.env.MUSTER_TEST_POSTGRES_URL;
  if (given) {
    if (given.split(' ').length >= maxWorkers) return;
    throw new Error(`MUSTER_TEST_POSTGRES_URL needs a URL for each of ${maxWorkers} workers, or run jest -w 1.`);
  }
  const { PostgresMissingError, startPostgresCluster } = await tsImport('../src/postgres/cluster.ts', import.meta.url);
  try {
    const clusters = await Promise.all(Array.from({ length: maxWorkers }, () => startPostgresCluster()));
    process.env.MUSTER_TEST_POSTGRES_URL = clusters.map(({ url }) => url).join(' ');
    globalThis.musterPostgresClusters = clusters;
    console.log(`\nPostgreSQL ${clusters[0].version} serves these tests.`);
  } catch (error) {
    if (!(error instanceof PostgresMissingError) || process.env.MUSTER_TEST_REQUIRE_ALL === '1') throw error;
    console.warn(`\nThe tests on PostgreSQL are skipped: ${error.message}.`);
  }
}
