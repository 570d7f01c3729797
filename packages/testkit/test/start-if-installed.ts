import { PostgresMissingError, startPostgresCluster, type PostgresCluster } from '../src/postgres/cluster.js';

/** Starts a server. Returns null if PostgreSQL is missing, unless `MUSTER_TEST_REQUIRE_ALL` makes that a failure. */
export const startIfInstalled = (): Promise<PostgresCluster | null> =>
  startPostgresCluster().catch((error: unknown) => {
    if (!(error instanceof PostgresMissingError) || process.env['MUSTER_TEST_REQUIRE_ALL'] === '1') throw error;
    return null;
  });
