import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import type pg from 'pg';
import { HOST_HEADER } from '../host-header.js';
import { createPool } from '../pool.js';

/** As many bytes as Muster takes. */
const BODY_LIMIT = '10mb';

/** What the requests of the load generator tell of the host that sends them. */
export const hostIdOf = (headers: Readonly<Record<string, unknown>>): string => String(headers[HOST_HEADER]);

/** An answer of the size that Muster's has. */
export const answerOf = (hostId: string, received: number) => ({
  ...{ hostId, applied: true, received, created: 0, updated: 0, unchanged: received, removed: 0, revision: 1 },
  digest: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
});

/**
 * Serves what `wire` puts into an Express application that reads bodies as bytes, on a free port, which it tells on
 * standard output; ends on SIGINT.
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
