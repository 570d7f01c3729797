/** Jest's globalTeardown to postgres-setup.js. */
export default async function tearDownPostgres() {
  await Promise.all((globalThis.musterPostgresClusters ?? []).map((cluster) => cluster.stop()));
}
