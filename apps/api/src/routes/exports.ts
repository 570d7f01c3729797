import { ContainerExportQuery, EventExportQuery, Paths } from '@muster/contracts';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OverloadedError, RateLimitedError, TokenInvalidError } from '../errors.js';
import { createKeyedSemaphore } from '../lib/keyed-semaphore.js';
import { operatorOf } from '../http/auth.js';
import { readFields } from '../http/body.js';
import { RECHECK_MS, shareChecks } from '../http/recheck-operator.js';
import { RequestAbortedError } from '../http/request-aborted.js';
import { closeWhenStalled, STALLED_MS_MAX } from '../http/stalled-readers.js';
import type { ExportService } from '../services/inventory/export.js';

export interface ExportRouterParts {
  /** Finds the operator, for `operatorOf`. Asked again while an export lasts. */
  auth: RequestHandler;
  exports: ExportService;
  /** Milliseconds in which a reader must take some of it. */
  stalledMsMax?: number;
  recheckMs?: number | undefined;
}

/** Exports that one process writes at once, and those of one operator. Each takes as long as its reader does. */
const EXPORTS_MAX = 8;
const OPERATOR_EXPORTS_MAX = 2;

/** Milliseconds after which an operator who writes too many may try again. */
const RETRY_MS = 5_000;

const MEDIA_TYPES = { csv: 'text/csv; charset=utf-8; header=present', ndjson: 'application/x-ndjson' } as const;

interface ExportFile {
  name: string;
  format: keyof typeof MEDIA_TYPES;
  pages: AsyncGenerator<string>;
}

/** Everything that a filter finds, as a file. */
export function createExportRouter(parts: ExportRouterParts): Router {
  const { auth, exports, stalledMsMax = STALLED_MS_MAX, recheckMs = RECHECK_MS } = parts;
  const router = Router();
  const shares = createKeyedSemaphore({ permits: OPERATOR_EXPORTS_MAX, waitingMax: 0, waitMsMax: 0 });
  const organizationNow = shareChecks(auth);
  let running = 0;

  /**
   * The pages of an export for as long as its operator may read them: one that is read slowly lasts for hours, and each of
   * its pages is as of when it was read.
   */
  async function* whileAllowed(req: Request, res: Response, pages: AsyncGenerator<string>): AsyncGenerator<string> {
    const { organizationId } = operatorOf(res);
    let checkedAt = performance.now();
    for await (const page of pages) {
      yield page;
      if (performance.now() - checkedAt < recheckMs) continue;
      const current = await organizationNow(req, res);
      if (current !== 'unknown' && current?.id !== organizationId) throw new TokenInvalidError('No longer allowed.');
      checkedAt = performance.now();
    }
  }

  async function send(req: Request, res: Response, { name, format, pages }: ExportFile) {
    const setHeaders = () => {
      const day = new Date().toISOString().slice(0, 10);
      res.status(200).setHeader('Content-Type', MEDIA_TYPES[format]);
      res.setHeader('Content-Disposition', `attachment; filename="muster-${name}-${day}.${format}"`);
    };
    if (req.method === 'HEAD') {
      // The rows are not read: no header depends on them.
      setHeaders();
      res.end();
      return;
    }
    if (running >= EXPORTS_MAX) throw new OverloadedError();
    const { actor } = operatorOf(res);
    if (shares.acquire(actor) !== true) {
      throw new RateLimitedError(`Only ${OPERATOR_EXPORTS_MAX} exports can be made at once.`, RETRY_MS);
    }
    running += 1;
    try {
      closeWhenStalled(res, stalledMsMax);
      // The first page before the first byte: what is wrong with it can still be said.
      const text = whileAllowed(req, res, pages);
      const first = await text.next();
      // From here on it is the reader who takes time.
      res.locals.work?.leave();
      setHeaders();
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
    const pages = exports.containers(operatorOf(res), query);
    await send(req, res, { name: 'containers', format: query.format, pages });
  });
  router.get(Paths.exportEvents, auth, async (req, res) => {
    const query = readFields(EventExportQuery, req.query);
    const pages = exports.events(operatorOf(res), query);
    await send(req, res, { name: 'events', format: query.format, pages });
  });
  return router;
}

/** A text whose first piece was taken off, whole again. */
async function* from(first: IteratorResult<string, unknown>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
