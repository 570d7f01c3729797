import { isReadOnly, isSerializationFailure, isTimeout, isUnavailable } from '@muster/db';
import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Problem, type ProblemType } from '@muster/contracts';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { seldom } from '../lib/log-throttle.js';
import {
  DomainError,
  EngineIdInUseError,
  InvalidRequestError,
  OverloadedError,
  RateLimitedError,
  UnavailableError,
  type ErrorCode,
} from '../errors.js';
import { endAfterRequest } from './end-after-request.js';
import { FileRefusedError } from './file-refusal.js';
import { RequestAbortedError } from './request-aborted.js';

/** Each domain error's place in HTTP. */
export const PROBLEMS: Readonly<Record<ErrorCode, { type: ProblemType; status: number; title: string }>> = {
  invalid_request: { type: ProblemTypes.invalidRequest, status: 400, title: 'Invalid request' },
  token_invalid: { type: ProblemTypes.tokenInvalid, status: 401, title: 'Not authenticated' },
  credentials_invalid: { type: ProblemTypes.credentialsInvalid, status: 401, title: 'Not signed in' },
  forbidden: { type: ProblemTypes.forbidden, status: 403, title: 'Forbidden' },
  not_found: { type: ProblemTypes.notFound, status: 404, title: 'Not found' },
  conflict: { type: ProblemTypes.conflict, status: 409, title: 'Conflict' },
  engine_id_in_use: { type: ProblemTypes.engineIdInUse, status: 409, title: 'Engine id in use' },
  request_timeout: { type: ProblemTypes.requestTimeout, status: 408, title: 'Request timeout' },
  host_deleted: { type: ProblemTypes.hostDeleted, status: 410, title: 'Host deleted' },
  body_too_large: { type: ProblemTypes.bodyTooLarge, status: 413, title: 'Body too large' },
  unsupported_media_type: { type: ProblemTypes.unsupportedMediaType, status: 415, title: 'Unsupported media type' },
  rate_limited: { type: ProblemTypes.rateLimited, status: 429, title: 'Too many requests' },
  unavailable: { type: ProblemTypes.unavailable, status: 503, title: 'Unavailable' },
};

/** Seconds after which a request that was turned away may be good. */
const RETRY_AFTER_SECONDS = 2;
const RETRY_AFTER_SPREAD_SECONDS = 4;

/** Milliseconds between two log lines about requests that could not be served. */
const TELL_INTERVAL_MS = 5_000;

/** The id that the request's log lines and its answer's X-Request-Id carry. */
const requestIdOf = ({ locals }: Response): string => locals.requestId;

/** No answer is to be kept, unless its route says otherwise. */
export const NO_STORE = 'no-store';

type ProblemFacts = Omit<Problem, 'requestId'>;

/** Headers that say how the body is framed, coded, validated or named: of the answer that was to be, not of a problem. */
const HEADERS_OF_THE_OTHER_ANSWER = [
  ...['Content-Length', 'Content-Encoding', 'Content-Range', 'Content-Disposition', 'Content-Language'],
  ...['Transfer-Encoding', 'Trailer', 'ETag', 'Last-Modified', 'Accept-Ranges'],
];

function send(res: Response, problem: ProblemFacts, headers: Readonly<Record<string, string>> = {}): void {
  const { type, title, status, detail, errors } = problem;
  const document: Problem = {
    type,
    title,
    status,
    detail,
    requestId: requestIdOf(res),
    ...(errors ? { errors } : {}),
  };
  for (const name of HEADERS_OF_THE_OTHER_ANSWER) res.removeHeader(name);
  // Written by hand: res.json would give it Express's own media type parameters.
  res.status(status).set({ ...headers, 'Cache-Control': NO_STORE, 'Content-Type': PROBLEM_MEDIA_TYPE });
  // What the request took is free again, though its client may go on sending for a while.
  res.locals.work?.end();
  endAfterRequest(res, JSON.stringify(document));
}

/** Nothing is here. */
export const notFound: RequestHandler = (_req, res) =>
  send(res, { type: ProblemTypes.notFound, title: 'Not found', status: 404, detail: 'There is nothing at this path.' });

/** Something is here, but not for this method. */
export function sendMethodNotAllowed(res: Response, allowed: readonly string[]): void {
  const methods = allowed.join(', ');
  res.set('Allow', methods);
  const title = 'Method not allowed';
  send(res, { type: ProblemTypes.methodNotAllowed, title, status: 405, detail: `This path takes ${methods}.` });
}

/** What a request for a file asked that the file cannot give. */
function sendFileRefusal(res: Response, { status, bytes }: FileRefusedError): void {
  const { title, detail } = FILE_REFUSALS[status];
  const document = { type: ProblemTypes.invalidRequest, title, status, detail };
  // RFC 9110, 15.5.17: how long the file is.
  send(res, document, bytes === null ? {} : { 'Content-Range': `bytes */${bytes}` });
}

const FILE_REFUSALS: Readonly<Record<FileRefusedError['status'], { title: string; detail: string }>> = {
  412: { title: 'Precondition failed', detail: 'The file is not as the conditions of the request require.' },
  416: { title: 'Range not satisfiable', detail: 'The file has no bytes in the range that was asked for.' },
};

/** The request wants something of us before its body that we do not know. */
export function sendExpectationFailed(res: Response): void {
  const detail = 'Of what Expect can ask for, 100-continue is known here.';
  // Its body may never come: the client waits for a word that we do not have.
  res.set('Connection', 'close');
  send(res, { type: ProblemTypes.invalidRequest, title: 'Expectation failed', status: 417, detail });
}

/**
 * Turns whatever was thrown into a problem document. What a domain error says is public; of anything else, only the
 * request's id leaves the server, and the log has the rest under it.
 */
export function handleErrors(logger: Logger): ErrorRequestHandler {
  // While a database is away, each request of a whole fleet fails for the same reason.
  const tell = seldom(TELL_INTERVAL_MS, () => performance.now());
  return (thrown: unknown, req, res, _next) => {
    if (thrown instanceof RequestAbortedError || res.headersSent) {
      res.destroy();
      return;
    }
    if (thrown instanceof FileRefusedError) {
      sendFileRefusal(res, thrown);
      return;
    }
    const error = toDomainError(thrown);
    if (error === null) {
      logger.error({ err: thrown, requestId: requestIdOf(res) }, 'request failed');
      const detail = 'Something went wrong here. The log knows more under the request id.';
      send(res, { type: ProblemTypes.internal, title: 'Internal error', status: 500, detail });
      return;
    }
    if (error.code === 'unavailable') {
      res.locals.isUnremarkable = true;
      res.set('Retry-After', spreadSeconds());
      const requestId = requestIdOf(res);
      // Whoever finds an overload says so.
      if (!(error instanceof OverloadedError)) {
        tell((turnedAway) => logger.warn({ err: error.cause ?? error, requestId, turnedAway }, 'requests turned away'));
      }
    }
    if (error instanceof RateLimitedError) {
      res.locals.isUnremarkable = true;
      res.set('Retry-After', seconds(error.retryAfterMs));
    }
    if (error instanceof EngineIdInUseError) res.set('Retry-After', seconds(error.retryAfterMs));
    if (error.code === 'token_invalid' || error.code === 'credentials_invalid') {
      const presented = req.headers.authorization !== undefined;
      res.set('WWW-Authenticate', `Bearer realm="muster"${presented ? ', error="invalid_token"' : ''}`);
    }
    // The rest of the body is not waited for.
    if (error.code === 'request_timeout') res.set('Connection', 'close');
    if (error.code === 'unsupported_media_type') res.set('Accept-Encoding', 'gzip').set('Accept', 'application/json');
    const errors = error instanceof InvalidRequestError && error.errors.length > 0 ? [...error.errors] : undefined;
    send(res, { ...PROBLEMS[error.code], detail: error.message, ...(errors ? { errors } : {}) });
  };
}

/** Seconds after which those who were turned away together may come again, not together. */
export const spreadSeconds = () => String(RETRY_AFTER_SECONDS + Math.floor(Math.random() * RETRY_AFTER_SPREAD_SECONDS));

/** Whole seconds, as Retry-After has them, never too few. */
const seconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1000)));

function toDomainError(thrown: unknown): DomainError | null {
  if (thrown instanceof DomainError) return thrown;
  if (isSerializationFailure(thrown))
    return new UnavailableError('Other changes kept coming first.', { cause: thrown });
  if (isReadOnly(thrown)) return new UnavailableError('The database takes no writes at the moment.', { cause: thrown });
  if (isTimeout(thrown)) return new UnavailableError('The database did not answer in time.', { cause: thrown });
  if (isUnavailable(thrown)) return new UnavailableError('The database cannot be reached.', { cause: thrown });
  // Express itself throws this for a path that is not well-formed percent-encoding.
  if (thrown instanceof URIError) {
    return new InvalidRequestError('The request is not valid.', [{ path: '', message: 'the path is not well-formed' }]);
  }
  return null;
}
