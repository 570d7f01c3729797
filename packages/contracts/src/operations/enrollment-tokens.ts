import { z } from 'zod';
import { EnrollmentTokenCreated, EnrollmentTokenRequest } from '../enrollment.js';
import { Id } from '../id.js';
import type { Operation } from '../operation.js';
import { EnrollmentTokenPage } from '../pages.js';
import { Paths } from '../paths.js';
import { EnrollmentTokenQuery } from '../queries.js';

/** The operations on enrollment tokens. */
export const EnrollmentTokenOperations = {
  createEnrollmentToken: {
    method: 'POST',
    path: Paths.enrollmentTokens,
    tag: 'Enrollment',
    access: 'admin',
    summary: 'Create an enrollment token',
    description:
      'Creates a token with which agents enroll hosts. By default, it enrolls one host and is valid for 24 hours. The ' +
      'secret is returned only here.',
    body: EnrollmentTokenRequest,
    answers: { 201: EnrollmentTokenCreated },
  },
  listEnrollmentTokens: {
    method: 'GET',
    path: Paths.enrollmentTokens,
    tag: 'Enrollment',
    access: 'viewer',
    summary: 'List enrollment tokens',
    description:
      'Returns the organization’s enrollment tokens without their secrets, newest first, including used, expired and ' +
      'revoked ones.',
    query: EnrollmentTokenQuery,
    answers: { 200: EnrollmentTokenPage },
  },
  revokeEnrollmentToken: {
    method: 'DELETE',
    path: Paths.enrollmentToken,
    tag: 'Enrollment',
    access: 'admin',
    summary: 'Revoke an enrollment token',
    description:
      'The token can no longer enroll hosts; hosts that it enrolled are unaffected. Revoking a revoked token succeeds. ' +
      'Fails with 404 if the organization has no such token.',
    resource: 'enrollment token',
    params: z.object({ enrollmentTokenId: Id }),
    answers: { 204: null },
  },
} as const satisfies Record<string, Operation>;
