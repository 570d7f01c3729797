import type { RequestHandler } from 'express';
import { InvalidRequestError } from '../errors.js';
import { sendExpectationFailed } from './problem.js';

/**
 * Refuses, with a problem document, the requests that every HTTP server must refuse. Node would refuse such requests
 * with an empty response, so `serve` configures Node to pass the requests on.
 * @throws InvalidRequestError for an HTTP/1.1 request without exactly one Host header (RFC 9112, 3.2).
 */
export const checkHostAndExpect: RequestHandler = (req, res, next) => {
  const hosts = countHosts(req.rawHeaders);
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) {
    throw new InvalidRequestError('The request is not valid.', [{ path: '/host', message: 'send one Host header' }]);
  }
  const { expect } = req.headers;
  if (expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(expect)) sendExpectationFailed(res);
  else next();
};

/**
 * Counts the Host headers. `rawHeaders` alternates names and values. The length is compared first because that is fast
 * and excludes most names.
 */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}
