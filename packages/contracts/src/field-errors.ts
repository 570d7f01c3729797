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
  error.issues
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }))
        : [{ path: issue.path, message: issue.message.replace(/^Invalid input: /, '') }],
    )
    .slice(0, PROBLEM_ERRORS_MAX)
    .map(({ path, message }) => ({ path: jsonPointer([...base, ...path]), message }));

/** Parses with a schema, telling what is wrong as field errors. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(value);
  return result.success ? { success: true, data: result.data } : { success: false, errors: fieldErrors(result.error) };
}
