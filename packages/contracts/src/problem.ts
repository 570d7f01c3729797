import { z } from 'zod';
import { FieldError } from './field-errors.js';

/** The media type of all error responses. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem types of the API: stable URI references. */
export const ProblemTypes = {
  invalidRequest: '/problems/invalid-request',
  tokenInvalid: '/problems/token-invalid',
  credentialsInvalid: '/problems/credentials-invalid',
  forbidden: '/problems/forbidden',
  notFound: '/problems/not-found',
  methodNotAllowed: '/problems/method-not-allowed',
  requestTimeout: '/problems/request-timeout',
  engineIdInUse: '/problems/engine-id-in-use',
  conflict: '/problems/conflict',
  hostDeleted: '/problems/host-deleted',
  bodyTooLarge: '/problems/body-too-large',
  unsupportedMediaType: '/problems/unsupported-media-type',
  rateLimited: '/problems/rate-limited',
  internal: '/problems/internal-error',
  unavailable: '/problems/unavailable',
} as const;
export const ProblemType = z.enum(ProblemTypes);
export type ProblemType = z.output<typeof ProblemType>;

/**
 * Problem details (RFC 9457). Validation problems also have `errors`, which list the invalid fields and the reasons.
 */
export const Problem = z.object({
  // Any text is valid, because a client may be older than the server.
  type: z.union([ProblemType, z.string()]).meta({
    description:
      'A type of `ProblemType`. A newer server may send a type that is not listed: use `status` to handle such a problem.',
  }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  requestId: z.string(),
  errors: z.array(FieldError).optional(),
});
export type Problem = z.output<typeof Problem>;
