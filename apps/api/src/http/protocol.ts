import type { RequestHandler } from 'express';
import { InvalidRequestError } from '../errors.js';
import { sendExpectationFailed } from './problem.js';

/**
 * Refuses what HTTP says must be refused, with a problem document: Node would do it with an empty answer, and hands
 * these requests on where it is told to.
 * @throws InvalidRequestError for an HTTP/1.1 request without one Host (RFC 9112, 3.2).
 */
export const requireProtocol: RequestHandler = (req, res, next) => {
  const hosts = countHosts(req.rawHeaders);
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) {
    throw new InvalidRequestError('The request is not valid.', [{ path: '/host', message: 'send one Host header' }]);
  }
  const { expect } = req.headers;
  if (expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(expect)) sendExpectationFailed(res);
  else next();
};

/** Of names and values in turn. Most names are of another length, and need no second look. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
