/** A process of the tests: starts a server, freezes it, prints its URL, and waits to be killed. */
import { startPostgresCluster } from '../src/postgres/cluster.js';

const cluster = await startPostgresCluster();
if (cluster.available) await cluster.freeze();
console.log(cluster.available ? cluster.url : cluster.reason);
setInterval(() => undefined, 60_000);
