import { z } from 'zod';
import { PROBLEM_ERRORS_MAX } from './limits.js';

/**
 * One invalid field. `path` is a JSON Pointer (RFC 6901); `''` means the whole value. `message` is the rest of a
 * sentence that begins with the field's name, such as `must be a number`.
 */
export const FieldError = z.object({ path: z.string(), message: z.string() });
export type FieldError = z.output<typeof FieldError>;

/** The result of a parse that does not throw. `errors` has 1 to `PROBLEM_ERRORS_MAX` entries. */
export type Parsed<T> = { success: true; data: T } | { success: false; errors: FieldError[] };

const POINTER_LENGTH_MAX = 300;

/** Formats a path as a JSON Pointer. Truncates it to 300 characters, because a client can send keys of any length. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  const pointer = path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return pointer.length > POINTER_LENGTH_MAX ? `${pointer.slice(0, POINTER_LENGTH_MAX).toWellFormed()}…` : pointer;
}

/**
 * Converts the first `PROBLEM_ERRORS_MAX` zod issues to field errors. If the parsed value is a part of a larger value,
 * `base` is the path of that part. It precedes the path of each issue.
 */
export const fieldErrors = (error: z.ZodError, base: readonly PropertyKey[] = []): FieldError[] =>
  toFieldErrors(error, base, ({ message }) => message);

/** Parses a value with a schema. Returns the invalid fields instead of throwing. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(value, PLAIN_MESSAGES);
  if (result.success) return { success: true, data: result.data };
  const messageOf = (issue: z.core.$ZodIssue) =>
    valueAtPath(value, issue.path) === undefined && isWrongKind(issue) && issue.path.length > 0
      ? REQUIRED_MESSAGE
      : issue.message;
  return { success: false, errors: toFieldErrors(result.error, [], messageOf) };
}

/**
 * Parses query parameters like `parseWith`. A repeated parameter is an array. If the parameter's schema does not allow
 * an array, the error states that the parameter must not be repeated.
 */
export function parseParameters<S extends z.ZodType>(
  schema: S,
  parameters: Readonly<Record<string, unknown>>,
): Parsed<z.output<S>> {
  const result = schema.safeParse(parameters, PLAIN_MESSAGES);
  if (result.success) return { success: true, data: result.data };
  const messageOf = (issue: z.core.$ZodIssue) =>
    issue.path.length === 1 && isWrongKind(issue) && Array.isArray(valueAtPath(parameters, issue.path))
      ? 'must not be repeated'
      : issue.message;
  return { success: false, errors: toFieldErrors(result.error, [], messageOf) };
}

/** Whether the value has the wrong type or is not one of the allowed values. */
const isWrongKind = ({ code }: z.core.$ZodIssue): boolean => code === 'invalid_type' || code === 'invalid_value';

function valueAtPath(value: unknown, path: readonly PropertyKey[]): unknown {
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
        ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not recognized' }))
        : // The issue about a record's key contains the issues of the key's schema. Those state what is wrong.
          [
            {
              path: issue.path,
              message: (issue.code === 'invalid_key' && issue.issues[0]?.message) || messageOf(issue),
            },
          ],
    )
    .slice(0, PROBLEM_ERRORS_MAX)
    .map(({ path, message }) => ({ path: jsonPointer([...base, ...path]), message }));
}

const REQUIRED_MESSAGE = 'is required';

const KINDS: Readonly<Record<string, string>> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  string: 'a string',
};

/**
 * Parse options that replace zod's default messages with short ones, such as `must be at most 200 characters`. If a
 * schema has its own message, that message is used. No message contains the value, because the value may be a mistyped
 * secret.
 */
export const PLAIN_MESSAGES: z.core.ParseContext<z.core.$ZodIssue> = {
  error(issue) {
    if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) {
      return REQUIRED_MESSAGE;
    }
    switch (issue.code) {
      case 'invalid_type':
        return `must be ${KINDS[issue.expected] ?? issue.expected}`;
      case 'invalid_value':
        return `must be ${issue.values.length > 1 ? 'one of: ' : ''}${issue.values.map(String).join(', ')}`;
      case 'too_small':
        return tooSmallMessage(issue);
      case 'too_big':
        return `must ${limitText(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
      case 'invalid_format':
        return issue.format === 'email' ? 'must be an email address' : undefined;
      default:
        return undefined;
    }
  },
};

function tooSmallMessage({ origin, inclusive, minimum }: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall>): string {
  if (origin === 'string' && minimum === 1) return 'must not be empty';
  return `must ${limitText(origin, inclusive === false ? 'greater than' : 'at least', minimum)}`;
}

function limitText(origin: string, comparison: string, limit: number | bigint): string {
  if (origin === 'string') return `be ${comparison} ${limit} characters`;
  return origin === 'array' ? `have ${comparison} ${limit} items` : `be ${comparison} ${limit}`;
}
