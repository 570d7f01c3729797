/**
 * What a failed query means for its caller, whichever of three ways the failure took: a Prisma error with a P code, a
 * raw query's P2010 around PostgreSQL's own code, or the driver's plain error, which carries a message only.
 */

/** Prisma: cannot reach, server closed the connection, too many connections. */
const UNAVAILABLE_PRISMA_CODES = new Set(['P1001', 'P1017', 'P2037']);

/** Prisma: timed out (twice), no connection free in time, transaction not started or not done in time. */
const TIMEOUT_PRISMA_CODES = new Set(['P1002', 'P1008', 'P2024', 'P2028']);

const UNAVAILABLE_SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * PostgreSQL: connection exceptions (class 08), operator intervention (57P0x: shutting down, crashed, starting up),
 * too many connections (53300), insufficient resources otherwise (53).
 */
const UNAVAILABLE_SQLSTATE = /^(08...|57P0.|53...)$/;

/** PostgreSQL: a statement that waited for a lock for longer than it may. */
const LOCK_TIMEOUT_SQLSTATE = '55P03';

/** PostgreSQL: a statement that ran, or waited for a lock, for longer than it may. */
const TIMEOUT_SQLSTATE = new Set(['57014', LOCK_TIMEOUT_SQLSTATE]);

/** A statement's turn among those that take long did not come in time. */
export class NoTurnError extends Error {
  constructor() {
    super('No turn came free in time');
    this.name = 'NoTurnError';
  }
}

/** node-postgres gives these no code; pg 8.23.1, pg-pool 3.14.0. */
const UNAVAILABLE_MESSAGES = [
  'Connection terminated',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end on the pool',
];

const TIMEOUT_MESSAGES = [
  'Query read timeout',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'The server does not answer',
  'No turn came free in time',
];

/** Prisma's driver adapters name some failures instead of numbering them. */
const UNAVAILABLE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'TooManyConnections',
  'TlsConnectionError',
]);

const TIMEOUT_KINDS = new Set(['SocketTimeout']);

const SERIALIZATION_SQLSTATE = new Set(['40001', '40P01']);

/** PostgreSQL: a write in a transaction that is read-only, as all of a standby's are. */
const READ_ONLY_SQLSTATE = '25006';

/** An error and all that it wraps: `cause`, Prisma's `meta.driverAdapterError`, the parts of an AggregateError. */
function* layers(error: unknown, depth = 0): Generator<Record<string, unknown>> {
  if (typeof error !== 'object' || error === null || depth > 6) return;
  const layer = error as Record<string, unknown>;
  yield layer;
  yield* layers(layer['cause'], depth + 1);
  const meta = layer['meta'];
  if (typeof meta === 'object' && meta !== null) {
    yield { code: (meta as Record<string, unknown>)['code'] };
    yield* layers((meta as Record<string, unknown>)['driverAdapterError'], depth + 1);
  }
  if (Array.isArray(layer['errors'])) for (const part of layer['errors']) yield* layers(part, depth + 1);
}

function* codes(error: unknown): Generator<string> {
  for (const layer of layers(error)) {
    for (const key of ['code', 'originalCode', 'errorCode']) {
      const code = layer[key];
      if (typeof code === 'string') yield code;
    }
  }
}

/** The database refused a write because it is read-only: a standby, or a primary that was demoted. */
export function isReadOnly(error: unknown): boolean {
  for (const code of codes(error)) if (code === READ_ONLY_SQLSTATE) return true;
  return false;
}

/**
 * The database cannot be used at the moment: it is away, shutting down, starting up, full, read-only, or too slow to answer.
 * Trying again later is sensible; whether what failed was done is unknown.
 */
export function isUnavailable(error: unknown): boolean {
  if (isTimeout(error) || isReadOnly(error)) return true;
  for (const code of codes(error)) {
    if (UNAVAILABLE_PRISMA_CODES.has(code) || UNAVAILABLE_SOCKET_CODES.has(code)) return true;
    if (UNAVAILABLE_SQLSTATE.test(code)) return true;
  }
  return says(error, UNAVAILABLE_KINDS, UNAVAILABLE_MESSAGES);
}

/**
 * The database did not answer in time, which is one way of being unavailable: it may be there, and busy, or the
 * query waited for another one's lock.
 */
export function isTimeout(error: unknown): boolean {
  for (const code of codes(error)) if (TIMEOUT_PRISMA_CODES.has(code) || TIMEOUT_SQLSTATE.has(code)) return true;
  return says(error, TIMEOUT_KINDS, TIMEOUT_MESSAGES);
}

function says(error: unknown, kinds: ReadonlySet<string>, messages: readonly string[]): boolean {
  for (const { kind, message } of layers(error)) {
    if (typeof kind === 'string' && kinds.has(kind)) return true;
    if (typeof message === 'string' && messages.some((known) => message.includes(known))) return true;
  }
  return false;
}

/** The transaction was rolled back for the sake of another one (serialization failure, deadlock): do it again. */
export function isSerializationFailure(error: unknown): boolean {
  for (const code of codes(error)) if (code === 'P2034' || SERIALIZATION_SQLSTATE.has(code)) return true;
  return false;
}

/** Another transaction holds a row for longer than this one would wait: it can be done again once that is over. */
export function isLockTimeout(error: unknown): boolean {
  for (const code of codes(error)) if (code === LOCK_TIMEOUT_SQLSTATE) return true;
  return false;
}

/** A row with these values exists already. */
export function isUniqueViolation(error: unknown): boolean {
  for (const code of codes(error)) if (code === 'P2002' || code === '23505') return true;
  return false;
}
