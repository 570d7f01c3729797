import type { RequestHandler } from 'express';
import { InvalidRequestError } from '../errors.js';
import { sendExpectationFailed } from './problem.js';

/**
 * Refuses what HTTP says must be refused, with a problem document: Node would do it with an empty answer, and hands
 * these requests on where it is told to.
 * @throws InvalidRequestError for an HTTP/1.1 request without one Host (RFC 9112, 3.2).
 */
export const requireProtocol: RequestHandler = (req, res, next) => {
  const hosts = req.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && req.httpVersion === '1.1')) {
    throw new InvalidRequestError('The request is not valid.', [{ path: '/host', message: 'send one Host header' }]);
  }
  const { expect } = req.headers;
  if (expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(expect)) sendExpectationFailed(res);
  else next();
};
