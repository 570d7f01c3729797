import { BODY_BYTES_MAX, EnrollmentTokenQuery, EnrollmentTokenRequest, Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler } from 'express';
import { operatorOf } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import { createEnrollmentToken, listEnrollmentTokens, revokeEnrollmentToken } from '../services/enrollment/index.js';
import { parseId, requireRevalidation } from './reads.js';

export interface EnrollmentTokenRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  db: Database;
  now: () => Date;
}

/** Creates the routes for the enrollment tokens of the operator's organization. */
export function createEnrollmentTokenRouter({ auth, db, now }: EnrollmentTokenRouterParts): Router {
  const router = Router();

  router.post(Paths.enrollmentTokens, auth, async (req, res) => {
    const request = await readBody(req, EnrollmentTokenRequest, BODY_BYTES_MAX);
    res.status(201).json(await createEnrollmentToken(db, operatorOf(res), request, now()));
  });
  router.get(Paths.enrollmentTokens, auth, requireRevalidation, async (req, res) => {
    const query = parseFields(EnrollmentTokenQuery, req.query);
    res.json(await listEnrollmentTokens(db, operatorOf(res).organizationId, query));
  });
  router.delete(Paths.enrollmentToken, auth, async (req, res) => {
    const id = parseId('enrollment token', req.params['enrollmentTokenId']);
    await revokeEnrollmentToken(db, operatorOf(res), id, now());
    res.status(204).end();
  });
  return router;
}
