import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import type pg from 'pg';
import { createPool } from '../pool.js';

/** Identifies the sending host to the servers that Muster is compared with. Muster ignores it: it reads the token. */
export const HOST_HEADER = 'bench-host-id';

/** The same limit as Muster's. */
const BODY_LIMIT = '10mb';

/** Returns the id of the host that sent a request of the load generator. */
export const hostIdOf = (headers: Readonly<Record<string, unknown>>): string => String(headers[HOST_HEADER]);

/** Returns an answer of the same size as Muster's. */
export const answerOf = (hostId: string, received: number) => ({
  ...{ hostId, applied: true, received, created: 0, updated: 0, unchanged: received, removed: 0, revision: 1 },
  digest: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
});

/**
 * Serves an Express application with the routes that `wire` adds, which receive bodies as bytes. Prints its URL, with a
 * free port, on standard output. Ends on SIGINT.
 */
export function serve(wire: (app: Express, pool: pg.Pool) => void): void {
  const pool = createPool(process.env['DATABASE_URL'] ?? '');
  const app = express();
  app.use(express.raw({ limit: BODY_LIMIT, type: () => true }));
  app.get('/readyz', (_req, res) => {
    res.json({ status: 'ready' });
  });
  wire(app, pool);
  const server = app.listen(0, '127.0.0.1', () => {
    process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
  });
  server.keepAliveTimeout = 70_000;
  process.on('SIGINT', () => {
    server.close();
    server.closeAllConnections();
    void pool.end();
  });
}
