import type { Request } from 'express';
import type { Caller } from '../services/accounts/caller.js';

/** Who calls, as far as their request tells. */
export const callerOf = (req: Request): Caller => ({
  cookie: req.headers.cookie,
  address: req.ip ?? '',
  userAgent: req.headers['user-agent'],
});
