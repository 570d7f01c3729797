/**
 * A helper process: starts a PostgreSQL server, freezes it, prints its URL, and waits until the test kills this
 * process.
 */
import { startPostgresCluster } from '../src/postgres/cluster.js';

const cluster = await startPostgresCluster();
await cluster.freeze();
console.log(cluster.url);
setInterval(() => undefined, 60_000);
