import { isReadOnly, isSerializationFailure, isTimeout, isUnavailable } from '@muster/db';
import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Problem, type ProblemType } from '@muster/contracts';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { logThrottle } from '../lib/log-throttle.js';
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
import { FileRefusedError } from './send-file.js';
import { RequestAbortedError } from './request-aborted.js';

/** The HTTP status, problem type and title of each domain error. */
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

/** Minimum Retry-After, in seconds, for requests refused with 503. */
const RETRY_AFTER_SECONDS = 2;

/** Retry-After exceeds `RETRY_AFTER_SECONDS` by a random number of seconds below this number. */
const RETRY_AFTER_SPREAD_SECONDS = 4;

/** Minimum milliseconds between two log lines about requests refused with 503. */
const LOG_INTERVAL_MS = 5_000;

/** Returns the request id, which is in the request's log lines and in the response's X-Request-Id. */
const requestIdOf = ({ locals }: Response): string => locals.requestId;

/** The default Cache-Control of responses. */
export const NO_STORE = 'no-store';

type ProblemFacts = Omit<Problem, 'requestId'>;

/** Headers that describe the body of the intended response and must not be sent with a problem document. */
const REPRESENTATION_HEADERS = [
  'Content-Length',
  'Content-Encoding',
  'Content-Range',
  'Content-Disposition',
  'Content-Language',
  'Transfer-Encoding',
  'Trailer',
  'ETag',
  'Last-Modified',
  'Accept-Ranges',
];

function sendProblem(res: Response, problem: ProblemFacts, headers: Readonly<Record<string, string>> = {}): void {
  const { type, title, status, detail, errors } = problem;
  const document: Problem = {
    type,
    title,
    status,
    detail,
    requestId: requestIdOf(res),
    ...(errors ? { errors } : {}),
  };
  for (const name of REPRESENTATION_HEADERS) res.removeHeader(name);
  // Not sent with `res.json`, which would add a charset parameter to the media type.
  res.status(status).set({ ...headers, 'Cache-Control': NO_STORE, 'Content-Type': PROBLEM_MEDIA_TYPE });
  // Frees the request's resources now, because its client may continue to send for a while.
  res.locals.slot?.end();
  endAfterRequest(res, JSON.stringify(document));
}

/** Responds with 404. */
export const notFound: RequestHandler = (_req, res) =>
  sendProblem(res, {
    type: ProblemTypes.notFound,
    title: 'Not found',
    status: 404,
    detail: 'This path does not exist.',
  });

/** Responds with 405. */
export function sendMethodNotAllowed(res: Response, allowed: readonly string[]): void {
  const methods = allowed.join(', ');
  res.set('Allow', methods);
  const title = 'Method not allowed';
  sendProblem(res, { type: ProblemTypes.methodNotAllowed, title, status: 405, detail: `Allowed methods: ${methods}.` });
}

/** Responds with 412 or 416 for a file. */
function sendFileRefusal(res: Response, { status, bytes }: FileRefusedError): void {
  const { title, detail } = FILE_REFUSALS[status];
  const document = { type: ProblemTypes.invalidRequest, title, status, detail };
  // RFC 9110, 15.5.17: a 416 states the file's length.
  sendProblem(res, document, bytes === null ? {} : { 'Content-Range': `bytes */${bytes}` });
}

const FILE_REFUSALS: Readonly<Record<FileRefusedError['status'], { title: string; detail: string }>> = {
  412: { title: 'Precondition failed', detail: 'The file does not match the conditions of the request.' },
  416: { title: 'Range not satisfiable', detail: 'The file has no bytes in the requested range.' },
};

/** Responds with 417. */
export function sendExpectationFailed(res: Response): void {
  const detail = 'Only Expect: 100-continue is supported.';
  // Without a 100 response, the client may never send the body, so the connection cannot be used again.
  res.set('Connection', 'close');
  sendProblem(res, { type: ProblemTypes.invalidRequest, title: 'Expectation failed', status: 417, detail });
}

/** The detail of a 503 for a database timeout while large indexes are being built after an upgrade. */
const LACKS_INDEXES_DETAIL =
  'The database did not answer in time. After an upgrade, it is slow until all indexes are built. Retry later.';

/**
 * Converts any thrown error into a problem document. Messages of domain errors are public. For any other error, the
 * document contains only the request id. The log contains the details and the request id.
 */
export function handleErrors(
  logger: Logger,
  lacksIndexes: () => boolean,
  elapsedMs = () => performance.now(),
): ErrorRequestHandler {
  // While the database is unavailable, all requests of a fleet fail for the same reason, so not every failure is
  // logged.
  const logThrottled = logThrottle(LOG_INTERVAL_MS, elapsedMs);
  return (thrown: unknown, req, res, _next) => {
    if (thrown instanceof RequestAbortedError || res.headersSent) {
      res.destroy();
      return;
    }
    if (thrown instanceof FileRefusedError) {
      sendFileRefusal(res, thrown);
      return;
    }
    const error = toDomainError(thrown, lacksIndexes);
    if (error === null) {
      logger.error({ err: thrown, requestId: requestIdOf(res) }, 'request failed');
      const detail = 'Internal error. See the server log for this request id.';
      sendProblem(res, { type: ProblemTypes.internal, title: 'Internal error', status: 500, detail });
      return;
    }
    if (error.code === 'unavailable') {
      res.locals.isLoggedAtDebug = true;
      res.set('Retry-After', randomRetryAfter());
      const requestId = requestIdOf(res);
      // Overloads are logged where they are detected.
      if (!(error instanceof OverloadedError)) {
        logThrottled((refused) => logger.warn({ err: error.cause ?? error, requestId, refused }, 'refused requests'));
      }
    }
    if (error instanceof RateLimitedError) {
      res.locals.isLoggedAtDebug = true;
      res.set('Retry-After', toWholeSeconds(error.retryAfterMs));
    }
    if (error instanceof EngineIdInUseError) res.set('Retry-After', toWholeSeconds(error.retryAfterMs));
    if (error.code === 'token_invalid' || error.code === 'credentials_invalid') {
      const hasCredentials = req.headers.authorization !== undefined;
      res.set('WWW-Authenticate', `Bearer realm="muster"${hasCredentials ? ', error="invalid_token"' : ''}`);
    }
    // Do not wait for the rest of the body.
    if (error.code === 'request_timeout') res.set('Connection', 'close');
    if (error.code === 'unsupported_media_type') res.set('Accept-Encoding', 'gzip').set('Accept', 'application/json');
    const errors = error instanceof InvalidRequestError && error.errors.length > 0 ? [...error.errors] : undefined;
    sendProblem(res, { ...PROBLEMS[error.code], detail: error.message, ...(errors ? { errors } : {}) });
  };
}

/**
 * Returns a randomized Retry-After in seconds, so that clients refused at the same time do not retry at the same time.
 */
export const randomRetryAfter = () =>
  String(RETRY_AFTER_SECONDS + Math.floor(Math.random() * RETRY_AFTER_SPREAD_SECONDS));

/** Returns whole seconds for Retry-After, rounded up. */
const toWholeSeconds = (ms: number) => String(Math.max(1, Math.ceil(ms / 1000)));

function toDomainError(thrown: unknown, lacksIndexes: () => boolean): DomainError | null {
  if (thrown instanceof DomainError) return thrown;
  if (isSerializationFailure(thrown))
    return new UnavailableError('Conflicting concurrent changes. Retry.', { cause: thrown });
  if (isReadOnly(thrown)) return new UnavailableError('The database is read-only.', { cause: thrown });
  if (isTimeout(thrown)) {
    const detail = lacksIndexes() ? LACKS_INDEXES_DETAIL : 'The database did not answer in time.';
    return new UnavailableError(detail, { cause: thrown });
  }
  if (isUnavailable(thrown)) return new UnavailableError('The database cannot be reached.', { cause: thrown });
  // Express throws this error for a path with malformed percent-encoding.
  if (thrown instanceof URIError) {
    return new InvalidRequestError('The request is not valid.', [{ path: '', message: 'the path is not well-formed' }]);
  }
  return null;
}
