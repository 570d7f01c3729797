import { CADENCE_DEFAULT, tokenKind, type Cadence } from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { HostDeletedError, TokenInvalidError, UnavailableError } from '../../errors.js';
import { findAgentTokens, type AgentTokenRow } from './find-agent-tokens.sql.js';
import { lockForAgentCall, noteAgentCall } from './record-agent-call.sql.js';
import { createAgentTokenCache, type AgentIdentity, type AgentTokenCache } from './agent-token-cache.js';
import { recordAudit } from '../audit/audit.js';
import { createGroupCommit } from '../../lib/batcher.js';

/** Milliseconds that a rotated token may stay unused before it dies: 24 hours. */
const UNUSED_TOKEN_LIFE_MS = 24 * 3_600_000;

/** `lastUsedAt` is written once in so many milliseconds, not at every call. */
const LAST_USED_GRAIN_MS = 3_600_000;

export interface AgentTokenService {
  /**
   * Finds the host of an agent token. The first use of a token revokes those issued before it, for its holder has
   * this one; never one issued after it, which its holder may have got meanwhile. What was found good counts as good
   * until it is revoked: in this process from then on, in every other within 5 seconds.
   * @throws TokenInvalidError for a token that is malformed, unknown, expired or revoked.
   * @throws HostDeletedError for one whose host was deleted.
   */
  authenticate(token: string): Promise<AgentIdentity>;

  /**
   * Issues a host's next token, and notes that its agent called. The presented token lives on until the new one is
   * first used, so that a lost answer locks nobody out; rotating again replaces the one that was not used.
   * `isWanted` is asked just before the token is issued: one that nobody waits for any more is not, for it would
   * replace the one that its caller got by asking again.
   * @throws TokenInvalidError if the presented token was revoked meanwhile.
   * @throws UnavailableError if nobody waits any more; nothing was written.
   */
  rotate(agent: AgentIdentity, isWanted?: () => boolean): Promise<{ agentToken: string }>;

  /**
   * Revokes all tokens of a host at its agent's wish, for good: it takes an enrolment to come back. What is known of
   * the host stays, and grows old.
   */
  leave(agent: AgentIdentity): Promise<void>;

  /** Notes that a host's agent called, where the call itself leaves no trace of it. */
  noteCall(agent: AgentIdentity): Promise<void>;
}

const invalid = () => new TokenInvalidError('The agent token is not valid, or no longer.');

/** Tokens looked up by one statement. */
const LOOK_UPS_MAX = 500;

export function createAgentTokenService(
  db: Database,
  {
    now,
    elapsedMs = () => performance.now(),
    cadence = CADENCE_DEFAULT,
    cache = createAgentTokenCache({ elapsedMs }),
  }: { now: () => Date; elapsedMs?: () => number; cadence?: Cadence; cache?: AgentTokenCache },
): AgentTokenService {
  const { prisma } = db;

  // A fleet that comes back asks for a thousand different tokens a second: they go together.
  const lookUps = createGroupCommit<{ key: string; hash: Buffer }, AgentTokenRow | null>(
    (wanted) =>
      findAgentTokens(
        db,
        wanted.map(({ hash }) => hash),
      ),
    { keyOf: ({ key }) => key, sizeMax: LOOK_UPS_MAX },
  );

  /** The token's row, if it is good at this instant. */
  async function findLive(key: string, hash: Buffer): Promise<AgentTokenRow> {
    const at = now();
    const row = await lookUps.add({ key, hash });
    if (row === null) throw invalid();
    if (row.hostDeletedAt !== null) throw new HostDeletedError();
    if (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= at)) throw invalid();
    return row;
  }

  /**
   * Marks the first use of a token and revokes those issued before it. False if that was not this call's to do: the
   * token was revoked, replaced, used or too old since it was read, or another transaction holds the host's row.
   */
  async function takeIntoUse({ id, hostId }: AgentTokenRow, hash: Buffer): Promise<boolean> {
    const at = now();
    // The lock on the host comes first here and in `rotate`, so that the two cannot wait for each other.
    const used = await prisma.$executeRaw(Prisma.sql`
      WITH host AS (
        SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE SKIP LOCKED
      ), used AS (
        UPDATE agent_tokens SET "firstUsedAt" = ${at}, "lastUsedAt" = ${at}, "expiresAt" = NULL
        FROM host
        WHERE agent_tokens.id = ${id}::uuid AND hash = ${hash} AND "revokedAt" IS NULL AND "firstUsedAt" IS NULL
          AND COALESCE("expiresAt" > ${at}, TRUE)
        RETURNING agent_tokens.id, "hostId", "createdAt"
      ), earlier AS (
        UPDATE agent_tokens SET "revokedAt" = ${at}
        FROM used
        WHERE agent_tokens."hostId" = used."hostId" AND agent_tokens."createdAt" < used."createdAt"
          AND "revokedAt" IS NULL
      )
      SELECT 1 FROM used`);
    return used > 0;
  }

  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'agent') throw invalid();
      const hash = Buffer.from(hashToken(token));
      const key = hash.toString('base64');
      const known = cache.get(key);
      if (known !== undefined) return known;

      let readAt = elapsedMs();
      let row = await findLive(key, hash);
      let isFirst = false;
      if (row.firstUsedAt === null) {
        readAt = elapsedMs();
        isFirst = await takeIntoUse(row, hash);
        // It revoked the tokens before it.
        cache.forgetHost(row.hostId);
        // Another call was the first with this token, and both are good; or it was revoked, which reading it tells.
        if (!isFirst) row = await findLive(key, hash);
      }
      const at = now();
      if (row.lastUsedAt !== null && Math.abs(at.getTime() - row.lastUsedAt.getTime()) > LAST_USED_GRAIN_MS) {
        await prisma.agentToken.updateMany({ where: { id: row.id }, data: { lastUsedAt: at } });
      }
      const identity = { hostId: row.hostId, tokenId: row.id };
      // One whose first use could not be marked is good, and the next call tries again.
      if (row.firstUsedAt !== null || isFirst) cache.set(key, identity, readAt);
      return identity;
    },

    async rotate({ hostId, tokenId }, isWanted = () => true) {
      const at = now();
      const { token, hash } = issueToken('agent');
      // Read before the lock is waited for: of two calls at once, neither may replace what the other one answered.
      const last = await prisma.agentToken.aggregate({ where: { hostId }, _max: { createdAt: true } });
      const replaceable = last._max.createdAt ?? at;
      await transact(db, async (tx) => {
        // Its update is also the lock on the host that comes first wherever tokens are written.
        await lockForAgentCall(tx, hostId, at, cadence.heartbeatSeconds);
        const presented = await tx.agentToken.findUnique({ where: { id: tokenId } });
        if (presented === null || presented.revokedAt !== null) throw invalid();
        if (presented.firstUsedAt === null) await markFirstUse(tx, presented, at);
        if (!isWanted()) throw new UnavailableError('Nobody waits for this answer any more.');
        await tx.agentToken.updateMany({
          where: { hostId, firstUsedAt: null, revokedAt: null, createdAt: { lte: replaceable } },
          data: { revokedAt: at },
        });
        await tx.agentToken.create({
          data: {
            ...{ hash, hostId, createdAt: await nextIssue(tx, hostId, at) },
            expiresAt: new Date(at.getTime() + UNUSED_TOKEN_LIFE_MS),
          },
        });
      });
      return { agentToken: token };
    },

    async leave({ hostId }) {
      const at = now();
      await transact(db, async (tx) => {
        await lockForAgentCall(tx, hostId, at);
        const host = await tx.host.findUnique({ where: { id: hostId }, select: { organizationId: true } });
        const { count } = await tx.agentToken.updateMany({
          where: { hostId, revokedAt: null },
          data: { revokedAt: at },
        });
        // Of two calls at once, the second finds nothing to do.
        if (host === null || count === 0) return;
        await tx.host.update({ where: { id: hostId }, data: { leftAt: at } });
        await recordAudit(tx, {
          ...{ organizationId: host.organizationId, at, actor: `host:${hostId}`, target: `host:${hostId}` },
          ...{ action: 'host.left', details: { tokensRevoked: count } },
        });
      });
      cache.forgetHost(hostId);
    },

    noteCall: ({ hostId }) => noteAgentCall(prisma, hostId, now()),
  };
}

/** What `takeIntoUse` does, for a token whose first use could not be marked before, under the lock on its host. */
async function markFirstUse(
  tx: Prisma.TransactionClient,
  { id, hostId, createdAt }: { id: string; hostId: string; createdAt: Date },
  at: Date,
): Promise<void> {
  await tx.agentToken.update({ where: { id }, data: { firstUsedAt: at, lastUsedAt: at, expiresAt: null } });
  await tx.agentToken.updateMany({
    where: { hostId, revokedAt: null, createdAt: { lt: createdAt } },
    data: { revokedAt: at },
  });
}

/**
 * The instant at which a host's next token counts as issued, under the lock on the host: now, or a millisecond after
 * its last one where a replica's clock was ahead. So "issued before" is never a matter of clocks.
 */
async function nextIssue(tx: Prisma.TransactionClient, hostId: string, at: Date): Promise<Date> {
  const { _max: last } = await tx.agentToken.aggregate({ where: { hostId }, _max: { createdAt: true } });
  return new Date(Math.max(at.getTime(), (last.createdAt?.getTime() ?? 0) + 1));
}
