import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OverloadedError, RateLimitedError, TokenInvalidError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import type { Authenticate } from '../http/auth.js';
import { RECHECK_MS, createOperatorRecheck } from '../http/recheck-operator.js';
import { RequestAbortedError } from '../http/request-aborted.js';
import { closeIfReaderStalls, STALLED_MS_MAX } from '../http/close-if-reader-stalls.js';
import { route, type Call, type Route } from '../http/route.js';
import type { OperatorIdentity } from '../services/identity/index.js';
import { exportContainers, exportEvents, type ContainerReader } from '../services/inventory/index.js';

export interface ExportRouteOptions {
  /** Reauthenticates the operator during a long export. */
  auth: Authenticate<OperatorIdentity>;
  db: Database;
  containers: ContainerReader;
  /** A client that reads nothing of a pending export for this many milliseconds is disconnected. */
  stalledMsMax?: number;
  recheckMs?: number | undefined;
}

/** Maximum number of concurrent exports per process. An export lasts until its client has read it. */
const EXPORTS_MAX = 8;

/** Maximum number of concurrent exports per operator. */
const OPERATOR_EXPORTS_MAX = 2;

/** Retry-After, in milliseconds, for an operator at the limit. */
const RETRY_MS = 5_000;

const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8; header=present', ndjson: 'application/x-ndjson' } as const;

interface ExportFile {
  name: string;
  format: keyof typeof MEDIA_TYPES;
  pages: AsyncGenerator<string>;
}

/** A call of an export operation. */
type ExportCall = Pick<
  Call<typeof Operations.exportContainers | typeof Operations.exportEvents>,
  'caller' | 'req' | 'res'
>;

/** The routes that return one file with all containers, or all events, that match a filter. */
export function exportRoutes(options: ExportRouteOptions): Route[] {
  const { auth, db, containers, stalledMsMax = STALLED_MS_MAX, recheckMs = RECHECK_MS } = options;
  const operatorPermits = createKeyedSemaphore({ permits: OPERATOR_EXPORTS_MAX, waitingMax: 0, waitMsMax: 0 });
  const organizationNow = createOperatorRecheck(auth);
  let running = 0;

  /**
   * Yields the pages of an export as long as the operator's credentials are valid. The credentials must be checked
   * repeatedly, because a slow client can make an export last for hours, and each page contains the data at the time
   * when the page is read.
   */
  async function* stopWhenRevoked(
    { caller, req, res }: ExportCall,
    pages: AsyncGenerator<string>,
  ): AsyncGenerator<string> {
    let checkedAt = performance.now();
    for await (const page of pages) {
      yield page;
      if (performance.now() - checkedAt < recheckMs) continue;
      const current = await organizationNow(req, res);
      if (current !== 'unknown' && current?.id !== caller.organizationId)
        throw new TokenInvalidError('The key or session is no longer valid.');
      checkedAt = performance.now();
    }
  }

  async function send(call: ExportCall, { name, format, pages }: ExportFile) {
    const { req, res } = call;
    const { actor } = call.caller;
    const setHeaders = () => {
      const day = new Date().toISOString().slice(0, 10);
      res.status(200).setHeader('Content-Type', MEDIA_TYPES[format]);
      res.setHeader('Content-Disposition', `attachment; filename="muster-${name}-${day}.${format}"`);
    };
    if (req.method === 'HEAD') {
      // No rows are read for HEAD, because no header depends on them.
      setHeaders();
      res.end();
      return;
    }
    if (running >= EXPORTS_MAX) throw new OverloadedError();
    if (operatorPermits.acquire(actor) !== true) {
      throw new RateLimitedError(`At most ${OPERATOR_EXPORTS_MAX} exports can run at a time. Retry later.`, RETRY_MS);
    }
    running += 1;
    try {
      closeIfReaderStalls(res, stalledMsMax);
      // The first page is read before any byte is sent, so that an error can still be returned.
      const text = stopWhenRevoked(call, pages);
      const first = await text.next();
      // Releases the slot, because from here on the client determines how long the request takes.
      res.locals.slot?.release();
      setHeaders();
      await pipeline(Readable.from(prepend(first, text), { objectMode: true, highWaterMark: 1 }), res);
    } catch (error) {
      throw res.destroyed ? new RequestAbortedError() : error;
    } finally {
      running -= 1;
      operatorPermits.release(actor);
    }
  }

  return [
    route(Operations.exportContainers, ({ query, ...call }) =>
      send(call, { name: 'containers', format: query.format, pages: exportContainers(containers, call.caller, query) }),
    ),
    route(Operations.exportEvents, ({ query, ...call }) =>
      send(call, { name: 'events', format: query.format, pages: exportEvents(db, call.caller.organizationId, query) }),
    ),
  ];
}

/** Yields the first page and then the rest. */
async function* prepend(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
