/** The parts of an error that are logged. */
export interface LoggableError {
  type: string;
  message: string;
  /** The error code from the operating system, from PostgreSQL or from Prisma. */
  code?: string;
  stack?: string;
  cause?: LoggableError;
}

const CAUSES_MAX = 5;

/**
 * Reduces an error to the parts that may be logged: type, message, code, stack, and the same parts of its causes. Other
 * properties are dropped because they contain data: PostgreSQL's `detail` quotes whole rows with labels and commands,
 * and Prisma's `meta` contains the values of a query.
 */
export function loggableError(error: unknown, depth = 0): LoggableError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'non-Error value thrown' };
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
