import type { Request, Response } from 'express';
import { DomainError } from '../errors.js';
import type { OperatorIdentity } from '../services/identity/index.js';
import type { Authenticate } from './auth.js';

/**
 * Milliseconds between two checks of whether the key or session of a long response is still valid. This number and
 * `CHECK_SHARED_MS` add up to less than five seconds, so a response ends within five seconds of a revocation.
 */
export const RECHECK_MS = 3_900;

/** Milliseconds for which all responses with the same credentials share a check. */
const CHECK_SHARED_MS = 1_000;

/**
 * The organization of a key or session. Null: the key or session is no longer valid. 'unknown': the database is
 * unavailable.
 */
type RecheckResult = { id: string } | null | 'unknown';

/**
 * Reauthenticates the operators who receive long responses. Responses with the same credentials share a check, because
 * a thousand such responses may be open.
 */
export function createOperatorRecheck(
  auth: Authenticate<OperatorIdentity>,
): (req: Request, res: Response) => Promise<RecheckResult> {
  const checks = new Map<string, Promise<RecheckResult>>();
  return (req, res) => {
    const credentials = JSON.stringify([req.headers.authorization, req.headers.cookie]);
    const shared = checks.get(credentials);
    if (shared !== undefined) return shared;
    const check = reauthenticate(auth, req, res);
    checks.set(credentials, check);
    setTimeout(() => checks.delete(credentials), CHECK_SHARED_MS).unref();
    return check;
  };
}

async function reauthenticate(
  auth: Authenticate<OperatorIdentity>,
  req: Request,
  res: Response,
): Promise<RecheckResult> {
  try {
    return { id: (await auth(req, res)).organizationId };
  } catch (error) {
    // Only a definite refusal means that the credentials are no longer valid.
    return error instanceof DomainError && error.code !== 'unavailable' ? null : 'unknown';
  }
}
