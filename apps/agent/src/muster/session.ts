import { createHash, randomUUID } from 'node:crypto';
import { ProblemTypes, type EnrollResponse, type ProblemType } from '@muster/contracts';
import type { Logger } from 'pino';
import type { MachineFacts } from '../engine/identity.js';
import { ExitCodes, StopError } from '../exit.js';
import type { AgentState, Enrollment, StateStore } from '../state/state-store.js';
import { AGENT_VERSION } from '../version.js';
import type { Answer, MusterClient } from './client.js';

/** An agent's standing with one API: its token, and how it comes by one. */
export interface Session {
  isEnrolled(): boolean;
  /**
   * Makes a call with this host's token, enrolling first where there is none, and once more where the API says that
   * the token is dead. An answer to enrolling that may succeed later is given back as the call's own. Throws
   * `StopError` when the API wants no more of this agent.
   */
  call<T>(
    request: (agentToken: string) => Promise<Answer<T>>,
    facts: MachineFacts | null,
    signal: AbortSignal,
  ): Promise<Answer<T>>;
  /** Has the API revoke this host's tokens and forgets them. Throws `StopError` where the API could not be told. */
  leave(signal: AbortSignal): Promise<void>;
  /** The host and its token's age, for people; null where it is not enrolled. */
  enrollment(): Pick<Enrollment, 'musterUrl' | 'hostId' | 'issuedAt'> | null;
}

export interface SessionOptions {
  client: MusterClient;
  musterUrl: string;
  enrollToken: string | null;
  store: StateStore;
  /** What `store` held when it was opened. */
  state: AgentState;
  /** Days after which the token is replaced; 0: never. */
  tokenDays: number;
  wallNow: () => Date;
  /** In [0, 1): spreads the rotations of a fleet that was enrolled in one go. */
  random: () => number;
  log: Logger;
}

/** How long to wait after a rotation that failed. The present token goes on working, so there is no hurry. */
const ROTATION_RETRY_MS = 3_600_000;

const DAY_MS = 86_400_000;

/** A session on the state that was kept. Throws `StopError` where that state forbids one. */
export function createSession(options: SessionOptions): Session {
  const { client, musterUrl, enrollToken, store, wallNow, log } = options;
  let state = stateFor(musterUrl, enrollToken, options.state);
  /** True from enrolling until the API took the token: a token refused in between will not get better. */
  let isUntried = false;
  /** A token of unknown age is taken for one of this run's beginning. */
  const beganAt = wallNow().getTime();
  const tokenAgeMaxMs = options.tokenDays * DAY_MS * (1 - 0.1 * options.random());
  let rotationNotBefore = 0;

  async function save(next: AgentState): Promise<void> {
    await store.save(next);
    state = next;
  }

  async function enroll(facts: MachineFacts, signal: AbortSignal): Promise<Answer<EnrollResponse>> {
    if (enrollToken === null) {
      throw new StopError('this machine is not enrolled: set MUSTER_ENROLL_TOKEN', ExitCodes.usage);
    }
    const engineId = state.identity ?? facts.engineId ?? (await makeUpIdentity());
    let answer = await client.enroll(enrollToken, { ...enrollFacts(facts), engineId }, signal);
    if (isRefusal(answer, ProblemTypes.engineIdInUse)) {
      log.warn({ engineId }, 'another live host has this identity (a cloned machine?): enrolling with one of my own');
      const request = { ...enrollFacts(facts), engineId: await makeUpIdentity() };
      answer = await client.enroll(enrollToken, request, signal);
    }
    if (answer.kind === 'refused') throw enrollmentRefused(answer);
    if (answer.kind === 'ok') {
      const { hostId, agentToken } = answer.data;
      const issuedAt = wallNow().toISOString();
      await save({ ...state, enrollment: { musterUrl, hostId, agentToken, issuedAt, previousToken: null } });
      isUntried = true;
      log.info({ hostId, musterUrl }, 'enrolled');
    }
    return answer;
  }

  /** Kept before it is used, so that an enrolment whose answer was lost is repeated as the same host. */
  async function makeUpIdentity(): Promise<string> {
    const identity = `agent-${randomUUID()}`;
    await save({ ...state, identity });
    return identity;
  }

  /** Forgets the dead token, and remembers what it came from: that one makes no new host by mere restarting. */
  async function leaveDeletedHost(): Promise<never> {
    await save({ ...state, enrollment: null, retiredEnrollToken: enrollToken === null ? null : sha256(enrollToken) });
    throw new StopError(DELETED, ExitCodes.dismissed);
  }

  /** As `save`, where the state in memory serves as well: a full disk stops no report. */
  async function saveIfPossible(next: AgentState): Promise<boolean> {
    try {
      await save(next);
      return true;
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'the state could not be written');
      return false;
    }
  }

  /**
   * Replaces a token that is old enough. The new one is on the disk before it is used, and the old one beside it until
   * the API took the new one: whatever is lost on the way, one of the two is good.
   */
  async function rotateIfDue(signal: AbortSignal): Promise<void> {
    const { enrollment } = state;
    const nowMs = wallNow().getTime();
    if (enrollment === null || tokenAgeMaxMs === 0 || enrollment.previousToken !== null) return;
    const issuedMs = enrollment.issuedAt === null ? beganAt : Date.parse(enrollment.issuedAt);
    if (nowMs - issuedMs < tokenAgeMaxMs || nowMs < rotationNotBefore) return;
    rotationNotBefore = nowMs + ROTATION_RETRY_MS;
    const answer = await client.rotate(enrollment.agentToken, signal);
    if (answer.kind !== 'ok') {
      log.warn({ reason: answer.reason }, 'the token could not be rotated; the present one goes on');
      return;
    }
    const { agentToken } = answer.data;
    const issuedAt = new Date(nowMs).toISOString();
    const rotated = { ...enrollment, agentToken, issuedAt, previousToken: enrollment.agentToken };
    // Not written, it is not used either, and dies by itself.
    if (await saveIfPossible({ ...state, enrollment: rotated })) log.info('token rotated');
  }

  /** The API took the present token: what came before it is dead. */
  async function noteAccepted(): Promise<void> {
    isUntried = false;
    if (!state.enrollment?.previousToken) return;
    const accepted = { ...state, enrollment: { ...state.enrollment, previousToken: null } };
    if (!(await saveIfPossible(accepted))) state = accepted;
  }

  /** A rotated token that nobody used in time is dead, and the one before it never died. */
  async function fallBack(enrollment: Enrollment, previousToken: string): Promise<void> {
    log.warn('the API does not know the rotated token: going back to the one before');
    const restored = { ...state, enrollment: { ...enrollment, agentToken: previousToken, previousToken: null } };
    if (!(await saveIfPossible(restored))) state = restored;
  }

  return {
    isEnrolled: () => state.enrollment !== null,
    enrollment: () => state.enrollment,
    async call(request, facts, signal) {
      for (;;) {
        if (state.enrollment === null) {
          if (facts === null) throw new TypeError('enrolling takes the facts of the machine');
          const enrolled = await enroll(facts, signal);
          if (enrolled.kind !== 'ok') return enrolled;
        }
        const answer = await request(state.enrollment!.agentToken);
        if (isRefusal(answer, ProblemTypes.hostDeleted)) return leaveDeletedHost();
        if (!isRefusal(answer, ProblemTypes.tokenInvalid)) {
          if (answer.kind === 'ok') {
            await noteAccepted();
            await rotateIfDue(signal);
          }
          return answer;
        }
        const { previousToken } = state.enrollment!;
        if (previousToken !== null) {
          await fallBack(state.enrollment!, previousToken);
          continue;
        }
        if (enrollToken === null || isUntried) throw tokenRefused(isUntried);
        if (facts === null) {
          return { kind: 'retry', reason: 'the token is dead, and the engine does not answer', retryAfterMs: null };
        }
        log.warn('the API refuses this host’s token: enrolling again');
        const enrolled = await enroll(facts, signal);
        if (enrolled.kind !== 'ok') return enrolled;
      }
    },
    async leave(signal) {
      if (state.enrollment === null) return;
      const answer = await client.leave(state.enrollment.agentToken, signal);
      // A token that is dead already has left before, or was made to.
      const isGone = isRefusal(answer, ProblemTypes.tokenInvalid) || isRefusal(answer, ProblemTypes.hostDeleted);
      if (answer.kind !== 'ok' && !isGone) {
        throw new StopError(`the API could not be told: ${answer.reason}`, ExitCodes.failed);
      }
      await save({ ...state, enrollment: null });
    },
  };
}

const DELETED =
  'this host was deleted in Muster; to bring it back as a new host, give a new enrollment token (MUSTER_ENROLL_TOKEN)';

/** What of the kept state holds for this API: a token is sent nowhere but where it came from. */
function stateFor(musterUrl: string, enrollToken: string | null, state: AgentState): AgentState {
  if (state.enrollment === null) {
    if (enrollToken !== null && sha256(enrollToken) === state.retiredEnrollToken) {
      throw new StopError(DELETED, ExitCodes.dismissed);
    }
    return state;
  }
  if (state.enrollment.musterUrl === musterUrl) return state;
  if (enrollToken !== null) return { ...state, enrollment: null };
  throw new StopError(
    `this machine is enrolled with ${state.enrollment.musterUrl}, not with ${musterUrl}: ` +
      'set MUSTER_ENROLL_TOKEN to enrol it there, or another MUSTER_STATE_DIR to keep both',
    ExitCodes.usage,
  );
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const enrollFacts = ({ name, engine, os, arch }: MachineFacts) => ({
  name,
  engine,
  os,
  arch,
  agentVersion: AGENT_VERSION,
});

const isRefusal = (answer: Answer<unknown>, type: ProblemType): answer is Answer<never> & { kind: 'refused' } =>
  answer.kind === 'refused' && answer.problemType === type;

function tokenRefused(isUntried: boolean): StopError {
  const why = isUntried
    ? 'the API refuses the token that it has just issued'
    : 'the API refuses this host’s token (revoked, or expired); set MUSTER_ENROLL_TOKEN to enrol again';
  return new StopError(why, ExitCodes.dismissed);
}

const enrollmentRefused = ({ problemType, reason }: Answer<never> & { kind: 'refused' }): StopError =>
  problemType === ProblemTypes.tokenInvalid
    ? new StopError('the API refuses MUSTER_ENROLL_TOKEN: it is expired, revoked or used up', ExitCodes.dismissed)
    : new StopError(`the API will not enrol this machine: ${reason}`, ExitCodes.failed);
