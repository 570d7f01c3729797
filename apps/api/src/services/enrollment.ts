import { CADENCE_DEFAULT, tokenKind, type Cadence, type EnrollRequest, type EnrollResponse } from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { hashToken, issueToken } from '../domain/tokens.js';
import { EngineIdInUseError, TokenInvalidError, UnavailableError } from '../errors.js';
import { enrollNewHost } from '../sql/enroll-new-host.js';
import type { AgentTokenCache } from './agent-token-cache.js';
import { recordAudit } from './audit.js';

/** A host seen within so many milliseconds is alive: a token for many hosts may not take it over. */
const HOST_ALIVE_MS = 5 * 60_000;

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
   * same call may be repeated at no cost of uses: an answer that was lost locks nobody out.
   * @throws TokenInvalidError if the enrollment token is used up.
   * @throws EngineIdInUseError if the token is for many hosts and the host of this engineId is alive.
   */
  enroll(token: EnrollmentIdentity, request: EnrollRequest): Promise<Enrollment>;
}

interface LockedToken {
  id: string;
  organizationId: string;
  maxUses: number;
  uses: number;
  expiresAt: Date;
  revokedAt: Date | null;
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
          SELECT id, "organizationId", "maxUses", uses, "expiresAt", "revokedAt"
          FROM enrollment_tokens WHERE id = ${enrollmentTokenId}::uuid FOR NO KEY UPDATE`);
        if (token === undefined || !isLive(token, at)) throw invalid();
        const [host] = await tx.$queryRaw<{ id: string; lastSeenAt: Date | null; hasToken: boolean }[]>(Prisma.sql`
          SELECT id, "lastSeenAt", EXISTS (
            SELECT FROM agent_tokens WHERE "hostId" = hosts.id AND "revokedAt" IS NULL) AS "hasToken"
          FROM hosts
          WHERE "organizationId" = ${token.organizationId} AND "engineId" = ${request.engineId}
            AND "deletedAt" IS NULL
          FOR NO KEY UPDATE`);

        const repeated = host !== undefined && (await isUnusedIssueOf(tx, token.id, host.id));
        if (!repeated && token.uses >= token.maxUses) throw invalid();
        if (host === undefined) return null;
        if (!repeated) {
          // Whose tokens were all revoked cannot be alive: whoever comes now is the one to come back.
          const alive = host.hasToken && host.lastSeenAt && at.getTime() - host.lastSeenAt.getTime() < HOST_ALIVE_MS;
          if (alive && token.maxUses > 1) throw new EngineIdInUseError();
          await tx.enrollmentToken.update({ where: { id: token.id }, data: { uses: { increment: 1 } } });
        }

        const tokensRevoked = await welcomeBack(tx, host.id, request, at);
        const { token: agentToken, hash } = issueToken('agent');
        await tx.agentToken.create({ data: { hash, hostId: host.id, enrollmentTokenId: token.id, createdAt: at } });
        await recordAudit(tx, {
          organizationId: token.organizationId,
          at,
          actor: `enrollment_token:${token.id}`,
          action: 'host.reenrolled',
          target: `host:${host.id}`,
          details: { name: request.name, engineId: request.engineId, repeated, tokensRevoked },
        });
        return { hostId: host.id, agentToken, cadence, created: false };
      },
      // A burst of machines with one token waits for its turn rather than fail.
      { maxWait: 10_000, timeout: 10_000 },
    );
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

/** Whether the host holds a token of this enrollment that nobody has used yet: then its answer may have been lost. */
async function isUnusedIssueOf(tx: Prisma.TransactionClient, enrollmentTokenId: string, hostId: string) {
  const where = { enrollmentTokenId, hostId, firstUsedAt: null, revokedAt: null };
  return (await tx.agentToken.count({ where })) > 0;
}

const factsOf = ({ engine, os, arch, agentVersion }: EnrollRequest) => ({
  engineName: engine.name,
  engineVersion: engine.version,
  engineApiVersion: engine.apiVersion,
  os,
  arch,
  agentVersion,
});

/**
 * Takes a known host's earlier tokens away, and says how many; a new run of its agent may report at once, whatever
 * its clock says.
 */
async function welcomeBack(tx: Prisma.TransactionClient, hostId: string, request: EnrollRequest, at: Date) {
  const revoked = await tx.agentToken.updateMany({ where: { hostId, revokedAt: null }, data: { revokedAt: at } });
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
    },
  });
  return revoked.count;
}
