/** What a log is told of an error. */
export interface LoggableError {
  type: string;
  message: string;
  /** A system's, PostgreSQL's or Prisma's. */
  code?: string;
  stack?: string;
  cause?: LoggableError;
}

const CAUSES_MAX = 5;

/**
 * An error as a log may have it: its kind, its words and where it was thrown, and the same of what caused it. Nothing
 * else that hangs on it: PostgreSQL quotes whole rows in an error's `detail`, labels and commands among them, and Prisma
 * the values of a query in its `meta`.
 */
export function loggableError(error: unknown, depth = 0): LoggableError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'what was thrown is no error' };
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    type: name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(stack === undefined ? {} : { stack }),
    ...(cause instanceof Error && depth < CAUSES_MAX ? { cause: loggableError(cause, depth + 1) } : {}),
  };
}
