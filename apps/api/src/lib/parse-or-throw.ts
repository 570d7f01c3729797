import type { FieldError, Parsed } from '@muster/contracts';
import { InvalidRequestError } from '../errors.js';

const MESSAGE_LENGTH_MAX = 300;

/** What was parsed. @throws InvalidRequestError with what was wrong instead. */
export function valid<T>(parsed: Parsed<T>): T {
  if (!parsed.success) throw invalid(parsed.errors);
  return parsed.data;
}

/** The error of a request whose fields are wrong. */
export const invalid = (errors: readonly FieldError[]): InvalidRequestError =>
  new InvalidRequestError('The request is not valid.', withoutInput(errors));

/** Messages are shown as they are, so none may carry a long piece of what was sent. */
const withoutInput = (errors: readonly FieldError[]): FieldError[] =>
  errors.map(({ path, message }) => ({ path, message: message.slice(0, MESSAGE_LENGTH_MAX) }));
