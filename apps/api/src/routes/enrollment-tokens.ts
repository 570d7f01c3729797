import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { createEnrollmentToken, listEnrollmentTokens, revokeEnrollmentToken } from '../services/enrollment/index.js';

/** The routes for the enrollment tokens of the operator's organization. */
export const enrollmentTokenRoutes = (db: Database, now: () => Date): Route[] => [
  route(Operations.createEnrollmentToken, ({ caller, body }) => createEnrollmentToken(db, caller, body, now())),
  route(Operations.listEnrollmentTokens, ({ caller, query }) => listEnrollmentTokens(db, caller.organizationId, query)),
  route(Operations.revokeEnrollmentToken, ({ caller, params }) =>
    revokeEnrollmentToken(db, caller, params.enrollmentTokenId, now()),
  ),
];
