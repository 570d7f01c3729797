import { CADENCE_DEFAULT, tokenKind, type Cadence, type EnrollRequest, type EnrollResponse } from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { EngineIdInUseError, ForbiddenError, TokenInvalidError, UnavailableError } from '../../errors.js';
import { enrollNewHost } from './enroll-new-host.sql.js';
import type { AgentTokenCache } from './agent-token-cache.js';
import { recordAudit } from '../audit/audit.js';

/** A host seen within so many heartbeats, and so many milliseconds, is alive: no token takes it over. */
const ALIVE_HEARTBEATS = 3;
const ALIVE_MS_MIN = 30_000;

/** An enrollment token that was found good, though perhaps used up. */
export interface EnrollmentIdentity {
  enrollmentTokenId: string;
}

export interface Enrollment extends EnrollResponse {
  /** True for a host that did not exist, false for one that came back. */
  created: boolean;
}

export interface EnrollmentService {
  /** @throws TokenInvalidError for a token that is malformed, unknown, expired or revoked. */
  authenticate(token: string): Promise<EnrollmentIdentity>;

  /**
   * Gives a machine its host and the host's token. A known `engineId` of the token's organization comes back as the
   * same host, history and name kept, its earlier tokens revoked. Until the token issued here is first used, the
   * same call may be repeated: that replaces the token, costs no use and adds no row, so an answer that was lost locks
   * no one out.
   * @throws TokenInvalidError if the enrollment token is used up.
   * @throws EngineIdInUseError if the host of this engineId is alive.
   * @throws ForbiddenError if the token was made for another host, or an operator revoked this host's tokens and this
   *   is not the token that was made to restore it.
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
}

interface LockedHost {
  id: string;
  lastSeenAt: Date | null;
  /** That it was last given; null: none yet. */
  heartbeatSeconds: number | null;
  tokensRevokedAt: Date | null;
  hasToken: boolean;
}

const invalid = () => new TokenInvalidError('The enrollment token is not valid, or no longer, or used up.');

export interface EnrollmentServiceOptions {
  now: () => Date;
  cadence?: Cadence;
  /** That of this process's agent tokens, which an enrolment revokes. */
  tokenCache?: AgentTokenCache;
}

export function createEnrollmentService(
  db: Database,
  { now, cadence = CADENCE_DEFAULT, tokenCache }: EnrollmentServiceOptions,
): EnrollmentService {
  const aliveMsOf = ({ heartbeatSeconds }: LockedHost) =>
    Math.max(ALIVE_MS_MIN, ALIVE_HEARTBEATS * (heartbeatSeconds ?? cadence.heartbeatSeconds) * 1000);

  const isLive = (token: Pick<LockedToken, 'expiresAt' | 'revokedAt'>, at: Date) =>
    token.revokedAt === null && token.expiresAt > at;

  /** Null: the token is good, but the machine has no host. */
  async function enrollKnownHost(enrollmentTokenId: string, request: EnrollRequest): Promise<Enrollment | null> {
    const at = now();
    return transact(
      db,
      async (tx) => {
        // One token's enrolments go one by one, so that its uses are counted exactly.
        const [token] = await tx.$queryRaw<LockedToken[]>(Prisma.sql`
          SELECT id, "organizationId", "hostId"::text AS "hostId", "maxUses", uses, "expiresAt", "revokedAt"
          FROM enrollment_tokens WHERE id = ${enrollmentTokenId}::uuid FOR NO KEY UPDATE`);
        if (token === undefined || !isLive(token, at)) throw invalid();
        const [host] = await tx.$queryRaw<LockedHost[]>(Prisma.sql`
          SELECT id::text AS id, "lastSeenAt", "heartbeatSeconds", "tokensRevokedAt", EXISTS (
            SELECT FROM agent_tokens WHERE "hostId" = hosts.id AND "revokedAt" IS NULL) AS "hasToken"
          FROM hosts
          WHERE "organizationId" = ${token.organizationId} AND "engineId" = ${request.engineId}
            AND "deletedAt" IS NULL
          FOR NO KEY UPDATE`);

        const agentToken = issueToken('agent');
        const unusedId = host === undefined ? null : await findUnusedIssue(tx, token.id, host.id);
        if (host !== undefined && unusedId !== null) {
          await tx.agentToken.update({ where: { id: unusedId }, data: { hash: agentToken.hash } });
          await updateReturnedHost(tx, host.id, request, at);
          return { hostId: host.id, agentToken: agentToken.token, cadence, created: false };
        }
        if (token.uses >= token.maxUses) throw invalid();
        if (token.hostId !== null && token.hostId !== host?.id) throw isForAnotherHost();
        if (host === undefined) return null;
        requireReturn(token, host, at);
        await tx.enrollmentToken.update({ where: { id: token.id }, data: { uses: { increment: 1 } } });
        const revoked = await tx.agentToken.updateMany({
          where: { hostId: host.id, revokedAt: null },
          data: { revokedAt: at },
        });
        await updateReturnedHost(tx, host.id, request, at);
        await tx.agentToken.create({
          data: { hash: agentToken.hash, hostId: host.id, enrollmentTokenId: token.id, createdAt: at },
        });
        await recordAudit(tx, {
          organizationId: token.organizationId,
          at,
          actor: `enrollment_token:${token.id}`,
          action: 'host.reenrolled',
          target: `host:${host.id}`,
          details: { name: request.name, engineId: request.engineId, tokensRevoked: revoked.count },
        });
        return { hostId: host.id, agentToken: agentToken.token, cadence, created: false };
      },
      // A burst of machines with one token waits for its turn rather than fail.
      { maxWait: 10_000, timeout: 10_000 },
    );
  }

  /** Decides whether a token brings a known host back. The one that was made for it always does. */
  function requireReturn(token: LockedToken, host: LockedHost, at: Date): void {
    if (token.hostId === host.id) return;
    if (host.tokensRevokedAt !== null) {
      throw new ForbiddenError(
        "An operator revoked this host's tokens: only the enrollment token that was made for this host restores it.",
      );
    }
    // A host all of whose tokens were revoked, such as one that left, cannot be alive.
    if (!host.hasToken || host.lastSeenAt === null) return;
    const aliveMs = aliveMsOf(host);
    const graceMs = host.lastSeenAt.getTime() + aliveMs - at.getTime();
    // A stored instant may lie ahead of the clock.
    if (graceMs > 0) throw new EngineIdInUseError(Math.min(graceMs, aliveMs));
  }

  /** Whether the token has no use left and the machine no host: asked without a lock, for there may be many who ask. */
  async function isUsedUpFor(enrollmentTokenId: string, engineId: string): Promise<boolean> {
    const token = await db.prisma.enrollmentToken.findUnique({ where: { id: enrollmentTokenId } });
    if (token === null || token.uses < token.maxUses) return false;
    const { organizationId } = token;
    return (await db.prisma.host.count({ where: { organizationId, engineId, deletedAt: null } })) === 0;
  }

  async function enrollMachine(enrollmentTokenId: string, request: EnrollRequest): Promise<Enrollment> {
    // Once more where a host that was there is deleted in between.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const { token: agentToken, hash } = issueToken('agent');
      const hostId = await enrollNewHost(db, enrollmentTokenId, request, { agentTokenHash: hash, at: now() });
      if (hostId !== null) return { hostId, agentToken, cadence, created: true };
      if (await isUsedUpFor(enrollmentTokenId, request.engineId)) throw invalid();
      const known = await enrollKnownHost(enrollmentTokenId, request);
      if (known !== null) return known;
    }
    throw new UnavailableError('This machine is being enrolled and deleted at once. Try again.');
  }

  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'enroll') throw invalid();
      const row = await db.prisma.enrollmentToken.findUnique({ where: { hash: hashToken(token) } });
      if (row === null || !isLive(row, now())) throw invalid();
      return { enrollmentTokenId: row.id };
    },

    async enroll({ enrollmentTokenId }, request) {
      const enrollment = await enrollMachine(enrollmentTokenId, request);
      tokenCache?.forgetHost(enrollment.hostId);
      return enrollment;
    },
  };
}

const isForAnotherHost = () =>
  new ForbiddenError('This enrollment token restores another host. Enroll this machine with another one.');

/** Finds a token issued by this enrollment that has not been used: the answer with it may have been lost. */
async function findUnusedIssue(tx: Prisma.TransactionClient, enrollmentTokenId: string, hostId: string) {
  const where = { enrollmentTokenId, hostId, firstUsedAt: null, revokedAt: null };
  return (await tx.agentToken.findFirst({ where, select: { id: true } }))?.id ?? null;
}

const factsOf = ({ engine, os, arch, agentVersion }: EnrollRequest) => ({
  engineName: engine.name,
  engineVersion: engine.version,
  engineApiVersion: engine.apiVersion,
  os,
  arch,
  agentVersion,
});

/** Records that a host came back. A new run of its agent may report at once, whatever its clock says. */
async function updateReturnedHost(tx: Prisma.TransactionClient, hostId: string, request: EnrollRequest, at: Date) {
  await tx.host.update({
    where: { id: hostId },
    data: {
      ...factsOf(request),
      lastSeenAt: at,
      leftAt: null,
      streamHeardAt: null,
      engineError: null,
      agentProblems: [],
      snapshotRefusedAt: null,
      snapshotRefusedReason: null,
      cloneSuspectedAt: null,
      cloneSuspectedSince: null,
      tokensRevokedAt: null,
    },
  });
}
