/** Recognizes the API's refusals of an agent, and states what to do about each of them. */
import { ProblemTypes, type ProblemType } from '@muster/contracts';
import type { Answer } from './client.js';

export type Refusal = Answer<never> & { kind: 'refused' };

/** Returns whether the API refused a call with a problem of this type. */
export const isRefusal = (answer: Answer<unknown>, type: ProblemType): answer is Refusal =>
  answer.kind === 'refused' && answer.problemType === type;

/** Returns whether the API rejects the token permanently. */
export const isTokenRejected = (answer: Answer<unknown>): answer is Refusal =>
  isRefusal(answer, ProblemTypes.tokenInvalid) || isRefusal(answer, ProblemTypes.hostDeleted);

/**
 * Returns whether the API refused an incomplete snapshot because the host would have more containers than the API
 * accepts. The API has no separate problem type for this limit, so the function checks the error's message.
 */
export const isContainerLimitRefusal = (answer: Answer<unknown>): boolean =>
  isRefusal(answer, ProblemTypes.invalidRequest) &&
  answer.errors.some(({ path, message }) => path === '' && /present containers.*at most \d/.test(message));

export const NOT_ENROLLED_MESSAGE = 'this machine is not enrolled: set MUSTER_ENROLL_TOKEN';
export const DELETED_MESSAGE = 'this host was deleted in Muster';
export const ENROLL_AGAIN_ADVICE = 'to add this machine again, set MUSTER_ENROLL_TOKEN to a new enrollment token';

/**
 * Returns why the API rejects the enrollment token, and what to do about it. `emptyStateDir` is the state directory if
 * it contains no enrollment. In that case, an earlier enrollment may have been lost.
 */
export const describeEnrollTokenRejection = ({ reason }: Refusal, emptyStateDir: string | null): string =>
  `the API rejects MUSTER_ENROLL_TOKEN: ${reason}; create a new enrollment token on the server at MUSTER_URL` +
  (emptyStateDir === null
    ? ''
    : ` (if this machine was enrolled before, its state in ${emptyStateDir} was lost: keep that directory, and in a ` +
      'container, put it on a volume)');

/** Returns why the API rejects the token, and what to do about it. */
export const describeTokenRejection = (answer: Refusal): string =>
  isRefusal(answer, ProblemTypes.hostDeleted)
    ? `${DELETED_MESSAGE}; ${ENROLL_AGAIN_ADVICE}`
    : 'the API does not know this host’s token: it was revoked, or this is another server, or the server was ' +
      'restored from a backup made before the enrollment; set MUSTER_ENROLL_TOKEN to enroll again';
