/** Started as a process by a test. Starts a server, freezes it, prints its URL, and waits until it is killed. */
import { startPostgresCluster } from '../src/postgres/cluster.js';

const cluster = await startPostgresCluster();
await cluster.freeze();
console.log(cluster.url);
setInterval(() => undefined, 60_000);
