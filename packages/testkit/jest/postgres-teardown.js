/** Jest's globalTeardown, which stops the servers that postgres-setup.js started. */
export default async function tearDownPostgres() {
  await Promise.all((globalThis.musterPostgresClusters ?? []).map((cluster) => cluster.stop()));
}
