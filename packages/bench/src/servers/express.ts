/**
 * The servers with which Muster is compared. BENCH_ROUTE selects one. The servers do not authenticate or validate, and
 * their responses are as large as Muster's. `bare` shows the highest rate that the stack allows: it updates one row
 * with a prepared statement, and stores no containers. `rows` parses the body, and executes one prepared upsert for
 * each container.
 */
import type { AddressInfo } from 'node:net';
import { SnapshotHeaderNames, type Container } from '@muster/contracts';
import express from 'express';
import { createPool } from '../pool.js';
import { deliverRowByRow, TOUCH_HOST } from './row-by-row.js';

/** Maximum size of a body. Muster has the same limit. */
const BODY_LIMIT = '10mb';

const pool = createPool(process.env['DATABASE_URL'] ?? '');
const app = express();
app.use(express.raw({ limit: BODY_LIMIT, type: () => true }));
app.get('/readyz', (_req, res) => {
  res.json({ status: 'ready' });
});

/** Stores a host's snapshot. The response contains the returned number as `received`. */
const store: (hostId: string, body: Buffer) => Promise<number> =
  process.env['BENCH_ROUTE'] === 'rows'
    ? async (hostId, body) => {
        const containers = JSON.parse(body.toString()) as Container[];
        await deliverRowByRow(pool, hostId, containers);
        return containers.length;
      }
    : async (hostId, body) => {
        await pool.query({ ...TOUCH_HOST, values: [hostId] });
        return body.length;
      };

app.post('/{*path}', async (req, res) => {
  // A simulated host uses its id as the id of its stream.
  const hostId = String(req.get(SnapshotHeaderNames.stream));
  const received = await store(hostId, req.body as Buffer);
  res.json({
    ...{ hostId, applied: true, received, created: 0, updated: 0, unchanged: received, removed: 0, revision: 1 },
    digest: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
  });
});

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
server.keepAliveTimeout = 70_000;
process.on('SIGINT', () => {
  server.close();
  server.closeAllConnections();
  void pool.end();
});
