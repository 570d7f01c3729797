/**
 * Jest's globalSetup for tests on PostgreSQL: starts a server for each worker and puts their URLs, separated by spaces,
 * into MUSTER_TEST_POSTGRES_URL. If it is set already, those servers are used. If no PostgreSQL is installed, the tests
 * on it are skipped, unless MUSTER_TEST_REQUIRE_ALL=1 makes that a failure.
 *
 * Workers cannot share a server: transaction ids belong to all databases of a server, so a transaction that one test
 * file keeps open would delay the streams of another.
 *
 * JavaScript, because jest does not compile its setup with this package's TypeScript.
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
