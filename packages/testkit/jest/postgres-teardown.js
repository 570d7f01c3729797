/** Jest's globalTeardown to postgres-setup.js. */
export default async function tearDownPostgres() {
  await globalThis.musterPostgresCluster?.stop();
}
