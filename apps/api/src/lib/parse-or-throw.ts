import type { FieldError, Parsed } from '@muster/contracts';
import { InvalidRequestError } from '../errors.js';

const MESSAGE_LENGTH_MAX = 300;

/** Returns the parsed data. @throws InvalidRequestError with the field errors if parsing failed. */
export function parsedOrThrow<T>(parsed: Parsed<T>): T {
  if (!parsed.success) throw invalidRequest(parsed.errors);
  return parsed.data;
}

/** Creates the error of a request with invalid fields. */
export const invalidRequest = (errors: readonly FieldError[]): InvalidRequestError =>
  new InvalidRequestError('The request is not valid.', shortenMessages(errors));

/** Truncates the messages, because the response must not repeat a long part of the client's input. */
const shortenMessages = (errors: readonly FieldError[]): FieldError[] =>
  errors.map(({ path, message }) => ({ path, message: message.slice(0, MESSAGE_LENGTH_MAX) }));
