import { ProblemTypes } from '@muster/contracts';
import type { Logger } from 'pino';
import type { MachineFacts } from '../engine/identity.js';
import { ExitCodes, StopError } from '../exit.js';
import type { AgentState, Enrollment, StateStore } from '../state/state-store.js';
import type { Answer, MusterClient } from './client.js';
import { createEnrolling, type GracePeriod } from './enroll.js';
import { offersPortRanges } from './features.js';
import {
  NOT_ENROLLED_MESSAGE,
  describeEnrollTokenRejection,
  describeTokenRejection,
  isRefusal,
  isTokenRejected,
} from './refusals.js';
import { hashEnrollToken, stateForServer } from './state-for-server.js';

/**
 * The result of a call with a host's token. `unauthorized` means that the machine has no valid token and cannot enroll
 * again: the API rejects the current and the previous token, or has deleted the host. The state is kept, because the
 * answer may come from a wrong or restored server. The caller retries after `retryInMs`.
 */
export type SessionAnswer<T> = Answer<T> | { kind: 'unauthorized'; reason: string; retryInMs: number };

/** The answer to a call that failed but may succeed if it is repeated later. */
export type FailedAnswer = SessionAnswer<never> & { kind: 'retry' | 'unauthorized' };

export const isFailedCall = (answer: SessionAnswer<unknown>): answer is FailedAnswer =>
  answer.kind === 'retry' || answer.kind === 'unauthorized';

/**
 * Converts a refusal that is not from Muster to a failed call. Such a refusal, for example a proxy's sign-in page, does
 * not mean that the snapshot is invalid. A 400 or 413 remains a refusal, because with these statuses, a proxy refuses
 * the request itself.
 */
export function retryIfForeign<T>(answer: SessionAnswer<T>): SessionAnswer<T> {
  if (answer.kind !== 'refused' || answer.problemType !== null || [400, 413].includes(answer.status)) return answer;
  const { status, reason, retryAfterMs } = answer;
  return { kind: 'retry', status, reason, retryAfterMs };
}

/**
 * Why a machine's tokens were deleted from its state:
 *
 * - `revoked`: they were revoked.
 * - `shared`: another machine uses them.
 * - `rejected`: the API rejects them.
 */
export type LeaveOutcome = 'revoked' | 'shared' | 'rejected';

/** An agent's enrollment with one API. It obtains, rotates and stores the tokens. */
export interface Session {
  isEnrolled(): boolean;
  /** Returns the identity with which the machine is, or would be, enrolled; null if it is unknown. */
  engineId(facts: MachineFacts): string | null;
  /**
   * Makes a call with this host's token. Enrolls first if there is no token. If the API rejects the token, tries the
   * previous token, and then enrolls again if there is an enrollment token. If enrolling fails but may succeed later,
   * returns the API's answer to the enrollment request. Throws `StopError` only if the machine was never enrolled and
   * cannot be enrolled.
   */
  call<T>(
    request: (agentToken: string) => Promise<Answer<T>>,
    facts: MachineFacts | null,
    signal: AbortSignal,
  ): Promise<SessionAnswer<T>>;
  /**
   * Records whether another agent reports as this host, according to the API. If so, `leave` must not revoke the token,
   * because that agent uses it.
   */
  recordSuperseded(isSuperseded: boolean): Promise<void>;
  /** Returns whether the API accepts ranges of ports in snapshots, according to its last answer. */
  acceptsPortRanges(): boolean;
  /**
   * Revokes this host's tokens and deletes them from the state. If another machine reports as this host, the tokens are
   * deleted but not revoked. Throws `StopError` if the API cannot be reached.
   */
  leave(signal: AbortSignal): Promise<LeaveOutcome>;
  /**
   * Returns the API, the host and the token's time of issue, for the command `status`; null if this machine is not
   * enrolled.
   */
  enrollment(): Pick<Enrollment, 'musterUrl' | 'hostId' | 'issuedAt'> | null;
}

/** How long the session waits, in milliseconds. */
export interface SessionWaits {
  /** Wait between two attempts while the machine is unauthorized. The wait grows from `minMs` to `maxMs`. */
  unauthorized: { minMs: number; maxMs: number };
  identity: GracePeriod;
  /**
   * Time after the agent's start during which the token is not rotated, in milliseconds. During this time, the API can
   * detect that another machine uses the same token. The API then refuses to rotate the token, because the rotation
   * would disconnect one of the machines.
   */
  rotationMs: number;
}

/**
 * The waits that docs/agent.md documents in "When the API refuses the agent". An API that sends no Retry-After
 * considers a host alive for 5 minutes.
 */
export const SESSION_WAITS_DEFAULT: SessionWaits = {
  unauthorized: { minMs: 600_000, maxMs: 3_600_000 },
  identity: { maxMs: 900_000, defaultMs: 330_000 },
  rotationMs: 300_000,
};

export interface SessionOptions {
  client: MusterClient;
  musterUrl: string;
  enrollToken: string | null;
  store: StateStore;
  /** The state that `store` held when it was opened. */
  state: AgentState;
  /** Age in days at which the token is rotated; 0 if it never is. */
  tokenDays: number;
  wallNow: () => Date;
  /**
   * Returns a number in [0, 1). The random number spreads the rotations of agents that were enrolled together. It also
   * spreads the attempts of unauthorized machines.
   */
  random: () => number;
  log: Logger;
  waits?: SessionWaits;
  /** True for the `enroll` command, which is allowed to reuse the enrollment token of a host that was deleted. */
  isEnrollCommand?: boolean;
}

/**
 * How long an answer without `portRanges` is respected, in milliseconds. While the API is upgraded, only some of its
 * servers accept ranges. Each switch between ranges and single ports would count as a change of the containers.
 */
const RANGES_REFUSED_MS = 600_000;

/** Wait after a failed rotation, in milliseconds. It is long because the current token remains valid. */
const ROTATION_RETRY_MS = 3_600_000;

const DAY_MS = 86_400_000;

/**
 * How long the previous token is kept, in milliseconds. It is kept because a database that was restored from a backup
 * may know only this token.
 */
const PREVIOUS_TOKEN_MS = 30 * DAY_MS;

/**
 * Creates a session from the stored state. Throws `StopError` if the state is for another API, or for a deleted host.
 */
export function createSession(options: SessionOptions): Session {
  const { client, musterUrl, enrollToken, store, wallNow, random, log, waits = SESSION_WAITS_DEFAULT } = options;
  let state = stateForServer(musterUrl, enrollToken, options.state);
  /** A token of unknown age is treated as issued at the start of this run. */
  const startedAt = wallNow().getTime();
  const tokenAgeMaxMs = options.tokenDays * DAY_MS * (1 - 0.1 * random());
  let rotationNotBefore = startedAt + waits.rotationMs;
  let unauthorizedCount = 0;
  /** When the API last answered without `portRanges` although it had accepted ranges before; null if it never did. */
  let rangesRefusedAtMs: number | null = null;

  async function save(next: AgentState): Promise<void> {
    await store.save(next);
    state = next;
  }

  /**
   * Does the same as `save` but does not throw, so that a full disk does not prevent reports. Returns false if the
   * state was not written.
   */
  async function saveIfPossible(next: AgentState): Promise<boolean> {
    try {
      await save(next);
      return true;
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'the agent’s state could not be written');
      return false;
    }
  }

  async function saveOrKeepInMemory(next: AgentState): Promise<void> {
    if (!(await saveIfPossible(next))) state = next;
  }

  const enroll = createEnrolling({
    ...{ client, musterUrl, wallNow, random, log },
    state: { current: () => state, save },
    gracePeriod: waits.identity,
  });

  /** Returns whether the API has accepted the current token. Until then, the previous token remains valid. */
  const isAccepted = ({ acceptedAt, previousToken }: Enrollment): boolean =>
    acceptedAt !== null || previousToken === null;

  /**
   * Rotates the token if it is old enough. The new token is saved before it is used. The old token is saved, too, for
   * two reasons. The API still accepts it until the new token is first used. An API that is restored from an older
   * backup knows only the old token.
   */
  async function rotateIfDue(signal: AbortSignal): Promise<void> {
    const { enrollment } = state;
    const nowMs = wallNow().getTime();
    if (enrollment === null || tokenAgeMaxMs === 0 || !isAccepted(enrollment) || enrollment.isSuperseded) return;
    const issuedMs = enrollment.issuedAt === null ? startedAt : Date.parse(enrollment.issuedAt);
    if (nowMs - issuedMs < tokenAgeMaxMs || nowMs < rotationNotBefore) return;
    rotationNotBefore = nowMs + ROTATION_RETRY_MS;
    const answer = await client.rotate(enrollment.agentToken, signal);
    if (answer.kind !== 'ok') {
      log.warn({ reason: answer.reason }, 'the token could not be rotated: keeping the current token');
      return;
    }
    const { agentToken } = answer.data;
    const issuedAt = new Date(nowMs).toISOString();
    const rotated = { ...enrollment, agentToken, issuedAt, acceptedAt: null, previousToken: enrollment.agentToken };
    // If the new token cannot be saved, the agent never uses it, and the new token expires.
    if (await saveIfPossible({ ...state, enrollment: rotated })) log.info('token rotated');
  }

  /** Records which optional features of a snapshot the API accepts. */
  async function recordFeatures(enrollment: Enrollment, data: unknown): Promise<Enrollment> {
    const acceptsPortRanges = offersPortRanges(data);
    if (data === null) return enrollment;
    const nowMs = wallNow().getTime();
    const isRefusal = !acceptsPortRanges && (enrollment.acceptsPortRanges || rangesRefusedAtMs !== null);
    if (isRefusal) rangesRefusedAtMs = nowMs;
    if (enrollment.acceptsPortRanges === acceptsPortRanges) return enrollment;
    if (rangesRefusedAtMs !== null && !isRefusal && nowMs - rangesRefusedAtMs < RANGES_REFUSED_MS) return enrollment;
    const updated = { ...enrollment, acceptsPortRanges };
    await saveOrKeepInMemory({ ...state, enrollment: updated });
    return updated;
  }

  /** Records that the API accepted `token`. If `token` is the previous token, it becomes the current token again. */
  async function recordAccepted(stored: Enrollment, token: string, data: unknown): Promise<void> {
    const enrollment = await recordFeatures(stored, data);
    unauthorizedCount = 0;
    const { agentToken, previousToken, acceptedAt } = enrollment;
    const nowMs = wallNow().getTime();
    if (token !== agentToken) {
      log.warn('the API does not know the current token (was it restored from a backup?): using the previous one');
      // The newer token is kept as the previous token. It may still be valid, because the two calls may have reached
      // different servers.
      const swapped = { ...enrollment, agentToken: token, previousToken: agentToken };
      await saveOrKeepInMemory({ ...state, enrollment: { ...swapped, acceptedAt: new Date(nowMs).toISOString() } });
    } else if (previousToken !== null && acceptedAt === null) {
      const acceptedEnrollment = { ...enrollment, acceptedAt: new Date(nowMs).toISOString() };
      await saveOrKeepInMemory({ ...state, enrollment: acceptedEnrollment });
    } else if (previousToken !== null && nowMs - Date.parse(acceptedAt!) > PREVIOUS_TOKEN_MS) {
      await saveOrKeepInMemory({ ...state, enrollment: { ...enrollment, previousToken: null } });
    }
  }

  /** Makes the call with the current token. If that token is rejected, repeats the call with the previous token. */
  async function callEnrolled<T>(
    enrollment: Enrollment,
    request: (agentToken: string) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const { agentToken, previousToken } = enrollment;
    const answer = await request(agentToken);
    if (answer.kind === 'ok') await recordAccepted(enrollment, agentToken, answer.data);
    if (!isTokenRejected(answer) || previousToken === null) return answer;
    const secondAnswer = await request(previousToken);
    if (secondAnswer.kind === 'ok') await recordAccepted(enrollment, previousToken, secondAnswer.data);
    // The first answer is returned, because it may state that the host was deleted.
    return isTokenRejected(secondAnswer) ? answer : secondAnswer;
  }

  async function revoke(enrollment: Enrollment, signal: AbortSignal): Promise<LeaveOutcome> {
    const answer = await callEnrolled(enrollment, (token) => client.leave(token, signal));
    if (answer.kind === 'ok') return 'revoked';
    if (isRefusal(answer, ProblemTypes.conflict)) return 'shared';
    // A rejected token was revoked earlier, so there is nothing left to revoke.
    if (isTokenRejected(answer)) return 'rejected';
    throw new StopError(`cannot revoke this machine’s token in Muster: ${answer.reason}`, ExitCodes.failed);
  }

  /** Returns the enrollment token, unless an operator deleted the host that was enrolled with it. */
  function usableEnrollToken(refusal: Answer<unknown>): string | null {
    if (enrollToken === null || state.enrollment === null || options.isEnrollCommand === true) return enrollToken;
    const isTokenOfDeletedHost =
      hashEnrollToken(enrollToken) === (state.enrollment.enrolledWith ?? hashEnrollToken(enrollToken));
    return isRefusal(refusal, ProblemTypes.hostDeleted) && isTokenOfDeletedHost ? null : enrollToken;
  }

  function unauthorized(reason: string): SessionAnswer<never> {
    const { minMs, maxMs } = waits.unauthorized;
    const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(++unauthorizedCount, 10));
    const retryInMs = ceilingMs / 2 + random() * (ceilingMs / 2);
    return { kind: 'unauthorized', reason, retryInMs };
  }

  return {
    isEnrolled: () => state.enrollment !== null,
    engineId: (facts) => state.identity ?? facts.engineId,
    enrollment: () => state.enrollment,
    acceptsPortRanges: () => state.enrollment?.acceptsPortRanges ?? false,
    async call(request, facts, signal) {
      if (state.enrollment !== null) {
        const answer = await callEnrolled(state.enrollment, request);
        if (!isTokenRejected(answer)) {
          if (answer.kind === 'ok') await rotateIfDue(signal);
          return answer;
        }
        const token = usableEnrollToken(answer);
        if (token === null) return unauthorized(describeTokenRejection(answer));
        if (facts === null) {
          const reason = 'the API rejects this host’s token, and enrolling again requires a readable engine';
          return { kind: 'retry', status: null, reason, retryAfterMs: null };
        }
        log.warn({ reason: answer.reason }, 'the API rejects this host’s token: enrolling again');
      }
      if (enrollToken === null) throw new StopError(NOT_ENROLLED_MESSAGE, ExitCodes.usage);
      if (facts === null) throw new TypeError('enrolling requires the facts of the machine');
      const enrolled = await enroll(enrollToken, facts, signal);
      if (enrolled.kind === 'refused') {
        if (enrolled.problemType === ProblemTypes.tokenInvalid) {
          return unauthorized(describeEnrollTokenRejection(enrolled, state.enrollment === null ? store.dir : null));
        }
        // A response that is not from Muster, such as a proxy's sign-in page, says nothing about this machine.
        if (enrolled.problemType === null) return { ...enrolled, kind: 'retry' };
        const reason = `the API refused to enroll this machine: ${enrolled.reason}`;
        // An operator can fix a refusal of the credentials. Until then, the agent keeps running, because a service
        // manager would restart an exited agent every few seconds. Any other refusal is a defect, so the agent stops.
        if (state.enrollment !== null || [401, 403, 410].includes(enrolled.status)) return unauthorized(reason);
        throw new StopError(reason, ExitCodes.failed);
      }
      if (enrolled.kind !== 'ok') return enrolled;
      const firstAnswer = await callEnrolled(state.enrollment!, request);
      return isTokenRejected(firstAnswer)
        ? unauthorized('the API rejects the token that it has just issued')
        : firstAnswer;
    },
    async recordSuperseded(isSuperseded) {
      const { enrollment } = state;
      if (enrollment === null || enrollment.isSuperseded === isSuperseded) return;
      await saveOrKeepInMemory({ ...state, enrollment: { ...enrollment, isSuperseded } });
    },
    async leave(signal) {
      const { enrollment } = state;
      if (enrollment === null) return 'rejected';
      const outcome = enrollment.isSuperseded ? 'shared' : await revoke(enrollment, signal);
      await save({ ...state, enrollment: null });
      return outcome;
    },
  };
}
