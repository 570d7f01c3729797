/**
 * Classifies failed queries. A failure has one of three forms: a Prisma error with a P code, Prisma's P2010 for a raw
 * query with PostgreSQL's code inside, or an error of the driver with only a message.
 */

/** Prisma's codes for an unreachable server, a connection closed by the server, and too many connections. */
const UNAVAILABLE_PRISMA_CODES = new Set(['P1001', 'P1017', 'P2037']);

/**
 * Prisma's codes for timeouts: of the server (P1002), an operation (P1008), the pool (P2024) or a transaction (P2028).
 */
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
 * PostgreSQL's codes for connection exceptions (class 08), operator intervention (57P0x: shutting down, crashed,
 * starting up), too many connections (53300) and other insufficient resources (53).
 */
const UNAVAILABLE_SQLSTATE = /^(08...|57P0.|53...)$/;

/** PostgreSQL's code for a statement that exceeded the lock timeout. */
const LOCK_TIMEOUT_SQLSTATE = '55P03';

/** PostgreSQL's codes for a statement that exceeded its timeout while it ran or waited for a lock. */
const TIMEOUT_SQLSTATE = new Set(['57014', LOCK_TIMEOUT_SQLSTATE]);

/** A long statement waited too long for one of the connections that long statements may use. */
export class ConnectionWaitTimeoutError extends Error {
  constructor() {
    super('No connection for long statements became free in time');
    this.name = 'ConnectionWaitTimeoutError';
  }
}

/** Messages of errors to which node-postgres assigns no code (pg 8.23.1, pg-pool 3.14.0). */
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
  'No connection for long statements became free in time',
];

/** Failures to which Prisma's driver adapters assign a name instead of a code. */
const UNAVAILABLE_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'TooManyConnections',
  'TlsConnectionError',
]);

const TIMEOUT_KINDS = new Set(['SocketTimeout']);

const SERIALIZATION_SQLSTATE = new Set(['40001', '40P01']);

/** PostgreSQL's code for a write in a read-only transaction, such as all transactions on a standby. */
const READ_ONLY_SQLSTATE = '25006';

/**
 * Yields an error and all nested errors: `cause`, Prisma's `meta.driverAdapterError`, and parts of an AggregateError.
 */
function* nestedErrors(error: unknown, depth = 0): Generator<Record<string, unknown>> {
  if (typeof error !== 'object' || error === null || depth > 6) return;
  const layer = error as Record<string, unknown>;
  yield layer;
  yield* nestedErrors(layer['cause'], depth + 1);
  const meta = layer['meta'];
  if (typeof meta === 'object' && meta !== null) {
    yield { code: (meta as Record<string, unknown>)['code'] };
    yield* nestedErrors((meta as Record<string, unknown>)['driverAdapterError'], depth + 1);
  }
  if (Array.isArray(layer['errors'])) for (const part of layer['errors']) yield* nestedErrors(part, depth + 1);
}

function* codesOf(error: unknown): Generator<string> {
  for (const layer of nestedErrors(error)) {
    for (const key of ['code', 'originalCode', 'errorCode']) {
      const code = layer[key];
      if (typeof code === 'string') yield code;
    }
  }
}

/** Returns whether the database refused a write because it is read-only: a standby or a demoted primary. */
export function isReadOnly(error: unknown): boolean {
  for (const code of codesOf(error)) if (code === READ_ONLY_SQLSTATE) return true;
  return false;
}

/**
 * Returns whether the database cannot be used at the moment: it is down, shutting down, starting up, full, read-only or
 * too slow. The caller may retry later. The failed operation may have taken effect or not.
 */
export function isUnavailable(error: unknown): boolean {
  if (isTimeout(error) || isReadOnly(error)) return true;
  for (const code of codesOf(error)) {
    if (UNAVAILABLE_PRISMA_CODES.has(code) || UNAVAILABLE_SOCKET_CODES.has(code)) return true;
    if (UNAVAILABLE_SQLSTATE.test(code)) return true;
  }
  return matchesKindOrMessage(error, UNAVAILABLE_KINDS, UNAVAILABLE_MESSAGES);
}

/**
 * Returns whether the database did not respond in time, for example because it is busy or the query waited for a lock.
 * For every timeout, `isUnavailable` also returns true.
 */
export function isTimeout(error: unknown): boolean {
  for (const code of codesOf(error)) if (TIMEOUT_PRISMA_CODES.has(code) || TIMEOUT_SQLSTATE.has(code)) return true;
  return matchesKindOrMessage(error, TIMEOUT_KINDS, TIMEOUT_MESSAGES);
}

function matchesKindOrMessage(error: unknown, kinds: ReadonlySet<string>, messages: readonly string[]): boolean {
  for (const { kind, message } of nestedErrors(error)) {
    if (typeof kind === 'string' && kinds.has(kind)) return true;
    if (typeof message === 'string' && messages.some((known) => message.includes(known))) return true;
  }
  return false;
}

/**
 * Returns whether the transaction was rolled back because of another transaction (serialization failure, deadlock) and
 * can be repeated.
 */
export function isSerializationFailure(error: unknown): boolean {
  for (const code of codesOf(error)) if (code === 'P2034' || SERIALIZATION_SQLSTATE.has(code)) return true;
  return false;
}

/**
 * Returns whether the transaction failed because another transaction held a row lock for longer than the lock timeout.
 * The failed transaction can be repeated later.
 */
export function isLockTimeout(error: unknown): boolean {
  for (const code of codesOf(error)) if (code === LOCK_TIMEOUT_SQLSTATE) return true;
  return false;
}

/** Returns whether a statement failed because a row with the same unique values already exists. */
export function isUniqueViolation(error: unknown): boolean {
  for (const code of codesOf(error)) if (code === 'P2002' || code === '23505') return true;
  return false;
}
