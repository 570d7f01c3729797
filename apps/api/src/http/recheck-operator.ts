import type { Request, Response } from 'express';
import { DomainError } from '../errors.js';
import type { OperatorIdentity } from '../services/identity/index.js';
import type { Authenticate } from './auth.js';

/**
 * Milliseconds between two checks whether a long answer's key or session is still valid, and for which a check is
 * shared by all answers with the same credentials. Together they end answers within five seconds of a revocation.
 */
export const RECHECK_MS = 3_900;
const SHARED_MS = 1_000;

/** The organization of a key or session; null: it is no longer valid; 'unknown': the database is unavailable. */
type RecheckResult = { id: string } | null | 'unknown';

/** Reauthenticates long answers, with one check for all answers to the same credentials: a thousand may listen. */
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
    setTimeout(() => checks.delete(credentials), SHARED_MS).unref();
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
    // Only a definite refusal counts as invalid.
    return error instanceof DomainError && error.code !== 'unavailable' ? null : 'unknown';
  }
}
