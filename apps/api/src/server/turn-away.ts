import { PROBLEM_MEDIA_TYPE, type Problem } from '@muster/contracts';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { IncomingMessage, ServerResponse, type RequestListener } from 'node:http';
import { Socket } from 'node:net';
import { OverloadedError } from '../errors.js';
import type { Admission } from '../middleware/admit.js';
import { NO_STORE, PROBLEMS, spreadSeconds } from '../middleware/problem.js';
import { securityHeaders } from '../middleware/security-headers.js';
import type { Metrics } from '../services/metrics.js';

/**
 * Refuses what finds no place even to wait, and hands everything else to `app`. In an overload most requests are
 * refused, and whatever that costs is taken from those that are answered. So it is done before Express has touched
 * them, which costs more than all the rest of a refusal; the answer is the one that `OverloadedError` has there.
 */
export function turnAwayBefore(
  app: RequestListener,
  parts: {
    admission: Pick<Admission, 'turnsAway'>;
    metrics: Pick<Metrics, 'noteRequest'>;
    publicUrl: string;
    isDraining: () => boolean;
  },
): RequestListener {
  const { admission, metrics, publicUrl, isDraining } = parts;
  const { code, message: detail } = new OverloadedError();
  const facts = { ...PROBLEMS[code], detail };
  const { status } = facts;
  const headers = [
    ...securityHeadersOf(publicUrl),
    ...['Cache-Control', NO_STORE, 'Content-Type', PROBLEM_MEDIA_TYPE, 'Retry-After'],
  ];
  return (req, res) => {
    const { url = '', method = '' } = req;
    const query = url.indexOf('?');
    if (!admission.turnsAway(query === -1 ? url : url.slice(0, query))) {
      app(req, res);
      return;
    }
    const requestId = randomUUID();
    const body = JSON.stringify({ ...facts, requestId } satisfies Problem);
    const own = [spreadSeconds(), 'X-Request-Id', requestId, 'Content-Length', String(body.length)];
    if (isDraining()) own.push('Connection', 'close');
    // The body is ASCII; so its length in bytes is its own.
    res.writeHead(status, [...headers, ...own]).end(body, 'latin1');
    metrics.noteRequest({ method, route: null, status, seconds: null });
  };
}

/** The security headers of every answer, as names and values in turn. */
function securityHeadersOf(publicUrl: string): string[] {
  const sample = new ServerResponse(new IncomingMessage(new Socket()));
  const set = securityHeaders({ https: publicUrl.startsWith('https:') });
  set(sample.req as Request, sample as Response, () => undefined);
  return Object.entries(sample.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
}
