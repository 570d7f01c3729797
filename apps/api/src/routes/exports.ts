import { ContainerExportQuery, EventExportQuery, Paths } from '@muster/contracts';
import { Router, type RequestHandler, type Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OverloadedError, RateLimitedError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { operatorOf } from '../middleware/auth.js';
import { readFields } from '../middleware/body.js';
import { RequestAbortedError } from '../middleware/request-aborted.js';
import { closeWhenStalled, STALLED_MS_MAX } from '../middleware/stalled-readers.js';
import type { ExportService } from '../services/export.js';

export interface ExportRouterParts {
  /** Finds the operator, for `operatorOf`. */
  auth: RequestHandler;
  exports: ExportService;
  /** Milliseconds in which a reader must take some of it. */
  stalledMsMax?: number;
}

/** Exports that one process writes at once, and those of one operator. Each takes as long as its reader does. */
const EXPORTS_MAX = 8;
const OPERATOR_EXPORTS_MAX = 2;

/** Milliseconds after which an operator who writes too many may try again. */
const RETRY_MS = 5_000;

const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8; header=present', ndjson: 'application/x-ndjson' } as const;

/** Everything that a filter finds, as a file. */
export function createExportRouter(parts: ExportRouterParts): Router {
  const { auth, exports, stalledMsMax = STALLED_MS_MAX } = parts;
  const router = Router();
  const shares = createKeyedSemaphore({ permits: OPERATOR_EXPORTS_MAX, waitingMax: 0, waitMsMax: 0 });
  let running = 0;

  async function send(res: Response, name: string, format: keyof typeof MEDIA_TYPES, text: AsyncGenerator<string>) {
    if (running >= EXPORTS_MAX) throw new OverloadedError();
    const { actor } = operatorOf(res);
    if (shares.acquire(actor) !== true) {
      throw new RateLimitedError(`Only ${OPERATOR_EXPORTS_MAX} exports can be made at once.`, RETRY_MS);
    }
    running += 1;
    try {
      closeWhenStalled(res, stalledMsMax);
      // The first page before the first byte: what is wrong with it can still be said.
      const first = await text.next();
      // From here on it is the reader who takes time.
      res.locals.work?.leave();
      const day = new Date().toISOString().slice(0, 10);
      res.status(200).setHeader('Content-Type', MEDIA_TYPES[format]);
      res.setHeader('Content-Disposition', `attachment; filename="muster-${name}-${day}.${format}"`);
      await pipeline(Readable.from(from(first, text), { objectMode: true, highWaterMark: 1 }), res);
    } catch (error) {
      throw res.destroyed ? new RequestAbortedError() : error;
    } finally {
      running -= 1;
      shares.release(actor);
    }
  }

  router.get(Paths.exportContainers, auth, async (req, res) => {
    const query = readFields(ContainerExportQuery, req.query);
    await send(res, 'containers', query.format, exports.containers(operatorOf(res), query));
  });
  router.get(Paths.exportEvents, auth, async (req, res) => {
    const query = readFields(EventExportQuery, req.query);
    await send(res, 'events', query.format, exports.events(operatorOf(res), query));
  });
  return router;
}

/** A text whose first piece was taken off, whole again. */
async function* from(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
