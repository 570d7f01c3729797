import {
  CADENCE_DEFAULT,
  mergeHostLabels,
  tokenKind,
  type Cadence,
  type EnrollRequest,
  type EnrollResponse,
  type HostLabels,
} from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { isDeepStrictEqual } from 'node:util';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { EngineIdInUseError, ForbiddenError, TokenInvalidError, UnavailableError } from '../../errors.js';
import { enrollNewHost } from './enroll-new-host.sql.js';
import type { AgentTokenCache } from './agent-token-cache.js';
import { recordAuditEntry } from '../audit/index.js';
import { recordHostEvents } from '../host-events/index.js';
import { writeHostFacts } from '../host-facts/index.js';

/**
 * A host counts as alive for this many heartbeat intervals after it was last seen. While a host is alive, only a token
 * created for that host can take it over.
 */
const ALIVE_HEARTBEATS = 3;

/** Minimum milliseconds for which a host counts as alive after it was last seen. */
const ALIVE_MS_MIN = 30_000;

/** The identity of an enrollment token that is neither expired nor revoked. The token may be used up. */
export interface EnrollmentIdentity {
  enrollmentTokenId: string;
}

export interface Enrollment extends EnrollResponse {
  /** True for a new host, false for a host that was enrolled again. */
  created: boolean;
}

export interface EnrollmentService {
  /**
   * Returns the identity of an enrollment token.
   * @throws TokenInvalidError for a token that is malformed, unknown, expired or revoked.
   */
  authenticate(token: string): Promise<EnrollmentIdentity>;

  /**
   * Enrolls a machine. Returns its host and a token for the host. If the token's organization already has a host with
   * this `engineId`, that host keeps its history, and the host's earlier tokens are revoked. If the response is lost,
   * the agent can repeat the call. Until the issued token is first used, a repeated call replaces that token, consumes
   * no use of the enrollment token and adds no row. The multi-host enrollment token that last enrolled this host can
   * enroll the host again without consuming a use, even if no uses are left. This is needed for an agent that stores no
   * state, because such an agent enrolls at each start.
   * @throws TokenInvalidError if the enrollment token is used up.
   * @throws EngineIdInUseError if the host with this engineId is alive.
   * @throws ForbiddenError if the token was created for another host, or if an operator revoked this host's tokens and
   * the enrollment token was not created to restore this host.
   */
  enroll(token: EnrollmentIdentity, request: EnrollRequest): Promise<Enrollment>;
}

interface LockedToken {
  id: string;
  organizationId: string;
  hostId: string | null;
  maxUses: number;
  uses: number;
  expiresAt: Date;
  revokedAt: Date | null;
  labels: HostLabels;
}

interface LockedHost {
  id: string;
  name: string;
  lastSeenAt: Date | null;
  /** The heartbeat interval that the host last received; null if it never received one. */
  heartbeatSeconds: number | null;
  tokensRevokedAt: Date | null;
  factsChangedAt: Date | null;
  leftAt: Date | null;
  recordedSilence: { from: string; state: 'stale' | 'offline' } | null;
  hasToken: boolean;
  /** The labels that apply, and the labels that each source sets. */
  labels: HostLabels;
  operatorLabels: HostLabels;
  agentLabels: HostLabels;
  enrollmentTokenLabels: HostLabels;
}

const invalidTokenError = () => new TokenInvalidError('The enrollment token is invalid, expired or revoked.');

/** `hostName` is the name of the host with this engineId; null if no host has this engineId. */
const usedUpError = (hostName: string | null) =>
  new TokenInvalidError(
    'The enrollment token is used up.' +
      (hostName === null
        ? ''
        : ` The host "${hostName}" was already enrolled from this machine, or from another one with the same engineId.`),
  );

export interface EnrollmentServiceOptions {
  now: () => Date;
  cadence?: Cadence;
  /** This process's cache of agent tokens. An enrollment that revokes tokens also drops the tokens from this cache. */
  tokenCache?: AgentTokenCache;
}

export function createEnrollmentService(
  db: Database,
  { now, cadence = CADENCE_DEFAULT, tokenCache }: EnrollmentServiceOptions,
): EnrollmentService {
  const aliveMsOf = ({ heartbeatSeconds }: LockedHost) =>
    Math.max(ALIVE_MS_MIN, ALIVE_HEARTBEATS * (heartbeatSeconds ?? cadence.heartbeatSeconds) * 1000);

  const isValid = (token: Pick<LockedToken, 'expiresAt' | 'revokedAt'>, at: Date) =>
    token.revokedAt === null && token.expiresAt > at;

  /** Enrolls a machine's existing host again. Returns null if the token is valid but the machine has no host. */
  async function reenrollHost(enrollmentTokenId: string, request: EnrollRequest): Promise<Enrollment | null> {
    const at = now();
    return transact(
      db,
      async (tx) => {
        // The lock makes enrollments with one token run one at a time, so that the token's uses are counted exactly.
        const [token] = await tx.$queryRaw<LockedToken[]>(Prisma.sql`
          SELECT id, "organizationId", "hostId"::text AS "hostId", "maxUses", uses, "expiresAt", "revokedAt",
            labels
          FROM enrollment_tokens WHERE id = ${enrollmentTokenId}::uuid FOR NO KEY UPDATE`);
        if (token === undefined || !isValid(token, at)) throw invalidTokenError();
        const [host] = await tx.$queryRaw<LockedHost[]>(Prisma.sql`
          SELECT id::text AS id, name, "lastSeenAt", "heartbeatSeconds", "tokensRevokedAt", "factsChangedAt", "leftAt",
            "recordedSilence", labels, "operatorLabels", "agentLabels", "enrollmentTokenLabels", EXISTS (
            SELECT FROM agent_tokens WHERE "hostId" = hosts.id AND "revokedAt" IS NULL) AS "hasToken"
          FROM hosts
          WHERE "organizationId" = ${token.organizationId} AND "engineId" = ${request.engineId}
            AND "deletedAt" IS NULL
          FOR NO KEY UPDATE`);

        const agentToken = issueToken('agent');
        const unusedId = host === undefined ? null : await findUnusedAgentToken(tx, token.id, host.id);
        if (host !== undefined && unusedId !== null) {
          await tx.agentToken.update({ where: { id: unusedId }, data: { hash: agentToken.hash } });
          await updateReenrolledHost(tx, host, token, request, at);
          return { hostId: host.id, agentToken: agentToken.token, cadence, created: false };
        }
        const isRepeated = host !== undefined && (await hasEnrolledLast(tx, token, host.id));
        if (token.uses >= token.maxUses && !isRepeated) throw usedUpError(host?.name ?? null);
        if (token.hostId !== null && token.hostId !== host?.id) throw otherHostError();
        if (host === undefined) return null;
        requireReenrollable(token, host, at);
        if (!isRepeated) {
          await tx.enrollmentToken.update({ where: { id: token.id }, data: { uses: { increment: 1 } } });
        }
        const revoked = await tx.agentToken.updateMany({
          where: { hostId: host.id, revokedAt: null },
          data: { revokedAt: at },
        });
        const { organizationId } = token;
        const to = { name: host.name, engineId: request.engineId, again: true };
        // Record this event before the host changes. Otherwise, the trigger `host_history` would record it, as it does
        // for replicas of earlier versions.
        await recordHostEvents(tx, [
          { organizationId, hostId: host.id, kind: 'host_enrolled', from: endedState(host), to, at, recordedAt: at },
        ]);
        await updateReenrolledHost(tx, host, token, request, at);
        await tx.agentToken.create({
          data: { hash: agentToken.hash, hostId: host.id, enrollmentTokenId: token.id, createdAt: at },
        });
        await recordAuditEntry(tx, {
          organizationId,
          at,
          actor: `enrollment_token:${token.id}`,
          action: 'host.reenrolled',
          target: `host:${host.id}`,
          details: { name: request.name, engineId: request.engineId, tokensRevoked: revoked.count },
        });
        return { hostId: host.id, agentToken: agentToken.token, cadence, created: false };
      },
      // With these limits, many machines that enroll with one token at the same time wait instead of failing.
      { maxWait: 10_000, timeout: 10_000 },
    );
  }

  /**
   * @throws ForbiddenError | EngineIdInUseError if the token is not allowed to enroll a known host again. A token that
   * was created for the host is always allowed to do this.
   */
  function requireReenrollable(token: LockedToken, host: LockedHost, at: Date): void {
    if (token.hostId === host.id) return;
    if (host.tokensRevokedAt !== null) {
      throw new ForbiddenError(
        "An operator revoked this host's tokens. Only the enrollment token that was created for this host restores it.",
      );
    }
    // A host whose tokens were all revoked, such as a host whose agent left, cannot be alive.
    if (!host.hasToken || host.lastSeenAt === null) return;
    const aliveMs = aliveMsOf(host);
    const graceMs = host.lastSeenAt.getTime() + aliveMs - at.getTime();
    // `lastSeenAt` may be ahead of the clock, so limit the time for which the agent has to wait.
    if (graceMs > 0) throw new EngineIdInUseError(Math.min(graceMs, aliveMs));
  }

  /**
   * Returns true if the token has no uses left and the machine has no host. Takes no lock, because many machines may
   * enroll at the same time and would wait for each other.
   */
  async function isUsedUpForMachine(enrollmentTokenId: string, engineId: string): Promise<boolean> {
    const token = await db.prisma.enrollmentToken.findUnique({ where: { id: enrollmentTokenId } });
    if (token === null || token.uses < token.maxUses) return false;
    const { organizationId } = token;
    return (await db.prisma.host.count({ where: { organizationId, engineId, deletedAt: null } })) === 0;
  }

  async function enrollMachine(enrollmentTokenId: string, request: EnrollRequest): Promise<Enrollment> {
    // Try again if an existing host was deleted in the meantime.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const { token: agentToken, hash } = issueToken('agent');
      const hostId = await enrollNewHost(db, enrollmentTokenId, request, { agentTokenHash: hash, at: now() });
      if (hostId !== null) return { hostId, agentToken, cadence, created: true };
      if (await isUsedUpForMachine(enrollmentTokenId, request.engineId)) throw usedUpError(null);
      const reenrolled = await reenrollHost(enrollmentTokenId, request);
      if (reenrolled !== null) return reenrolled;
    }
    throw new UnavailableError('The host was deleted while it was being enrolled. Retry.');
  }

  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'enroll') throw invalidTokenError();
      const row = await db.prisma.enrollmentToken.findUnique({ where: { hash: hashToken(token) } });
      if (row === null || !isValid(row, now())) throw invalidTokenError();
      return { enrollmentTokenId: row.id };
    },

    async enroll({ enrollmentTokenId }, request) {
      const enrollment = await enrollMachine(enrollmentTokenId, request);
      tokenCache?.invalidateHost(enrollment.hostId);
      return enrollment;
    },
  };
}

const otherHostError = () =>
  new ForbiddenError('This enrollment token was created for another host. Enroll this machine with a different token.');

/** Finds an unused agent token issued with this enrollment token. The response that contained it may have been lost. */
async function findUnusedAgentToken(tx: Prisma.TransactionClient, enrollmentTokenId: string, hostId: string) {
  const where = { enrollmentTokenId, hostId, firstUsedAt: null, revokedAt: null };
  return (await tx.agentToken.findFirst({ where, select: { id: true } }))?.id ?? null;
}

/**
 * Returns whether a multi-host enrollment token was the last enrollment token that enrolled this host. Returns false if
 * a token created for the host has enrolled the host since, because an operator may have used that token to shut out a
 * copy of the machine. Also returns false if retention has deleted all agent tokens that were issued for the host.
 */
async function hasEnrolledLast(tx: Prisma.TransactionClient, { id, maxUses }: LockedToken, hostId: string) {
  if (maxUses === 1) return false;
  const newest = await tx.agentToken.findFirst({
    where: { hostId, enrollmentTokenId: { not: null } },
    orderBy: { createdAt: 'desc' },
    select: { enrollmentTokenId: true },
  });
  return newest?.enrollmentTokenId === id;
}

/** Returns the state that an enrollment ends, and when that state began; null if the host was online. */
function endedState({ leftAt, lastSeenAt, recordedSilence }: LockedHost) {
  if (leftAt !== null) return { state: 'left', since: leftAt.toISOString() };
  // A host that has called since its recorded silence began is no longer silent, even if the end of the silence is not
  // recorded yet.
  const isSilent = recordedSilence !== null && lastSeenAt !== null && lastSeenAt <= new Date(recordedSilence.from);
  return isSilent ? { state: recordedSilence.state, since: recordedSilence.from } : null;
}

const toHostColumns = ({ engine, os, arch, agentVersion }: EnrollRequest) => ({
  engineName: engine.name,
  engineVersion: engine.version,
  engineApiVersion: engine.apiVersion,
  os,
  arch,
  agentVersion,
});

/**
 * Resets a host that was enrolled again, so that a new run of its agent can report immediately, even if the host's
 * clock is wrong. The host's problems stay until the first report, which shows whether the problems have ended.
 */
async function updateReenrolledHost(
  tx: Prisma.TransactionClient,
  host: LockedHost,
  token: LockedToken,
  request: EnrollRequest,
  at: Date,
) {
  await replaceTokenLabels(tx, host, token, at);
  await tx.host.update({
    where: { id: host.id },
    data: {
      ...toHostColumns(request),
      lastSeenAt: at,
      leftAt: null,
      streamHeardAt: null,
      cloneSuspectedAt: null,
      cloneSuspectedSince: null,
      tokensRevokedAt: null,
    },
  });
  if (request.facts !== undefined) await writeHostFacts(tx, host.id, null, request.facts, at);
}

/**
 * Replaces the labels from the previous enrollment token with those from this token, and records the changes. A token
 * that was created to restore the host changes no labels.
 */
async function replaceTokenLabels(
  tx: Prisma.TransactionClient,
  host: LockedHost,
  token: LockedToken,
  at: Date,
): Promise<void> {
  const { id: hostId, name, labels: previous, operatorLabels: operator, agentLabels: agent } = host;
  const { organizationId, labels: enrollmentTokenLabels } = token;
  if (token.hostId !== null || isDeepStrictEqual(host.enrollmentTokenLabels, enrollmentTokenLabels)) return;
  const labels = mergeHostLabels({ operator, agent, enrollmentToken: enrollmentTokenLabels });
  const factsChangedAt = new Date(Math.max(at.getTime(), (host.factsChangedAt?.getTime() ?? 0) + 1));
  await tx.host.update({ where: { id: hostId }, data: { enrollmentTokenLabels, labels, factsChangedAt } });
  await recordAuditEntry(tx, {
    organizationId,
    at,
    actor: `enrollment_token:${token.id}`,
    action: 'host.labels_changed',
    target: `host:${hostId}`,
    details: { name, from: host.enrollmentTokenLabels, to: enrollmentTokenLabels },
  });
  if (isDeepStrictEqual(previous, labels)) return;
  const change = { from: { labels: previous }, to: { labels } };
  await recordHostEvents(tx, [{ organizationId, hostId, kind: 'labels_changed', ...change, at, recordedAt: at }]);
}
