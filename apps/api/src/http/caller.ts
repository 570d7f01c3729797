import type { Request } from 'express';
import type { Caller } from '../services/identity/index.js';

/** Returns the client of a request. */
export const callerOf = (req: Request): Caller => ({
  cookie: req.headers.cookie,
  address: req.ip ?? '',
  userAgent: req.headers['user-agent'],
});
