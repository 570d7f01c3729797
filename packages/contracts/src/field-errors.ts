import { z } from 'zod';
import { PROBLEM_ERRORS_MAX } from './limits.js';

/** What is wrong with one field; `path` is a JSON Pointer (RFC 6901), `''` for the whole document. */
export const FieldError = z.object({ path: z.string(), message: z.string() });
export type FieldError = z.output<typeof FieldError>;

/** A parse that tells what was wrong instead of throwing. `errors` holds 1 to `PROBLEM_ERRORS_MAX` entries. */
export type Parsed<T> = { success: true; data: T } | { success: false; errors: FieldError[] };

const POINTER_LENGTH_MAX = 300;

/** A JSON Pointer to `path`; one made long by hostile keys is cut, for it is only shown to people. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  const pointer = path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return pointer.length > POINTER_LENGTH_MAX ? `${pointer.slice(0, POINTER_LENGTH_MAX).toWellFormed()}…` : pointer;
}

/** The first `PROBLEM_ERRORS_MAX` of zod's issues as field errors; `base` is where the parsed value itself stood. */
export const fieldErrors = (error: z.ZodError, base: readonly PropertyKey[] = []): FieldError[] =>
  toFieldErrors(error, base, ({ message }) => message);

/** Parses with a schema, and returns what is wrong as field errors. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(value);
  if (result.success) return { success: true, data: result.data };
  const messageOf = (issue: z.core.$ZodIssue) =>
    valueAt(value, issue.path) === undefined && isWrongKind(issue) && issue.path.length > 0
      ? 'is missing'
      : issue.message;
  return { success: false, errors: toFieldErrors(result.error, [], messageOf) };
}

/**
 * Parses the parameters of a query, each given once or, as an array, several times. As `parseWith`, and says so of one that
 * is repeated and must not be.
 */
export function parseParameters<S extends z.ZodType>(
  schema: S,
  parameters: Readonly<Record<string, unknown>>,
): Parsed<z.output<S>> {
  const result = schema.safeParse(parameters);
  if (result.success) return { success: true, data: result.data };
  const messageOf = (issue: z.core.$ZodIssue) =>
    issue.path.length === 1 && isWrongKind(issue) && Array.isArray(valueAt(parameters, issue.path))
      ? 'must not be repeated'
      : issue.message;
  return { success: false, errors: toFieldErrors(result.error, [], messageOf) };
}

/** Whether the value is of another kind than was expected, so that nothing else can be said of it. */
const isWrongKind = ({ code }: z.core.$ZodIssue): boolean => code === 'invalid_type' || code === 'invalid_value';

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}

function toFieldErrors(
  { issues }: z.ZodError,
  base: readonly PropertyKey[],
  messageOf: (issue: z.core.$ZodIssue) => string,
): FieldError[] {
  return issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }))
        : [{ path: issue.path, message: withoutPrefix(messageOf(issue)) }],
    )
    .slice(0, PROBLEM_ERRORS_MAX)
    .map(({ path, message }) => ({ path: jsonPointer([...base, ...path]), message }));
}

/** zod's own words for a value of the wrong type, of which a missing one is the most frequent. */
const withoutPrefix = (message: string): string =>
  message.replace(/^Invalid input: /, '').replace(/^expected \w+, received undefined$/, 'is missing');
