import { BODY_BYTES_MAX, EnrollmentTokenQuery, EnrollmentTokenRequest, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { operatorOf } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import type { EnrollmentTokenService } from '../services/enrollment/index.js';
import { parseId, requireRevalidation } from './reads.js';

export interface EnrollmentTokenRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  enrollmentTokens: EnrollmentTokenService;
}

/** Creates the routes for the enrollment tokens of the operator's organization. */
export function createEnrollmentTokenRouter({ auth, enrollmentTokens }: EnrollmentTokenRouterParts): Router {
  const router = Router();

  router.post(Paths.enrollmentTokens, auth, async (req, res) => {
    const request = await readBody(req, EnrollmentTokenRequest, BODY_BYTES_MAX);
    res.status(201).json(await enrollmentTokens.create(operatorOf(res), request));
  });
  router.get(Paths.enrollmentTokens, auth, requireRevalidation, async (req, res) => {
    const query = parseFields(EnrollmentTokenQuery, req.query);
    res.json(await enrollmentTokens.list(operatorOf(res), query));
  });
  router.delete(Paths.enrollmentToken, auth, async (req, res) => {
    await enrollmentTokens.revoke(operatorOf(res), parseId('enrollment token', req.params['enrollmentTokenId']));
    res.status(204).end();
  });
  return router;
}
