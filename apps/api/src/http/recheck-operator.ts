import type { Request, RequestHandler, Response } from 'express';
import { DomainError } from '../errors.js';
import { operatorOf } from './auth.js';

/**
 * Milliseconds between two checks of whether the key or session behind a long answer is still valid, and for which one
 * check answers for all who came with it: together, what was revoked ends within five seconds.
 */
export const RECHECK_MS = 3_900;
const SHARED_MS = 1_000;

/** The operator that a key or session belongs to; null: it is no longer valid. Fails while the database is away. */
type OrganizationNow = { id: string } | null | 'unknown';

/** Authenticates again, once for all long answers to the same key or session: a thousand may listen. */
export function shareChecks(auth: RequestHandler): (req: Request, res: Response) => Promise<OrganizationNow> {
  const checks = new Map<string, Promise<OrganizationNow>>();
  return (req, res) => {
    const credentials = JSON.stringify([req.headers.authorization, req.headers.cookie]);
    const shared = checks.get(credentials);
    if (shared !== undefined) return shared;
    const check = askAgain(auth, req, res);
    checks.set(credentials, check);
    setTimeout(() => checks.delete(credentials), SHARED_MS).unref();
    return check;
  };
}

async function askAgain(auth: RequestHandler, req: Request, res: Response): Promise<OrganizationNow> {
  try {
    let refusal: Error | undefined;
    await auth(req, res, (error?: unknown) => (refusal = error as Error | undefined));
    if (refusal !== undefined) throw refusal;
    return { id: operatorOf(res).organizationId };
  } catch (error) {
    // Only a definite refusal counts.
    return error instanceof DomainError && error.code !== 'unavailable' ? null : 'unknown';
  }
}
