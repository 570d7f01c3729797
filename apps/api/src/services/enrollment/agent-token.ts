import { CADENCE_DEFAULT, tokenKind, type Cadence } from '@muster/contracts';
import { transact, type Prisma, type Database } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { ConflictError, HostDeletedError, TokenInvalidError, UnavailableError } from '../../errors.js';
import { findAgentTokens, type AgentTokenRow } from './find-agent-tokens.sql.js';
import { markFirstUses, type UnusedToken } from './mark-first-uses.sql.js';
import { lockForAgentCall, recordAgentCall } from './record-agent-call.sql.js';
import { createAgentTokenCache, type AgentIdentity, type AgentTokenCache } from './agent-token-cache.js';
import { recordAuditEntry } from '../audit/index.js';
import { cloneSuspectedFrom } from '../sync/index.js';
import { createBatcher } from '../../lib/batcher.js';

/** A token issued by a rotation expires after this many milliseconds (24 hours) if its agent never uses it. */
const UNUSED_TOKEN_TTL_MS = 24 * 3_600_000;

/** Minimum milliseconds between two writes of `lastUsedAt`, so that most calls write nothing. */
const LAST_USED_INTERVAL_MS = 3_600_000;

export interface AgentTokenService {
  /**
   * Returns the host of an agent token. The first use of a token proves that the agent has the token, and revokes all
   * tokens issued earlier. Tokens issued later stay valid, because the agent may already have received one of them. A
   * valid token is cached until it is revoked. A revocation takes effect immediately in the process that performs it,
   * and within 5 seconds in every other process.
   * @throws TokenInvalidError for a token that is malformed, unknown, expired or revoked.
   * @throws HostDeletedError for a token whose host was deleted.
   */
  authenticate(token: string): Promise<AgentIdentity>;

  /**
   * Issues a host's next token, and records that the host's agent called. The presented token stays valid until the new
   * token is first used. An agent that never receives the new token can therefore continue to use the presented one.
   * Rotating again replaces the unused token. `isClientConnected` is called just before the token is issued. If the
   * client has disconnected, no token is issued, because the client may already have retried, and the token would
   * replace the one that the retry returned.
   * @throws TokenInvalidError if the presented token was revoked in the meantime.
   * @throws ConflictError if another machine uses the token (`clone_suspected`), because the first use of the new token
   * would disconnect one of the two machines.
   * @throws UnavailableError if `isClientConnected` returns false. Nothing was written.
   */
  rotate(agent: AgentIdentity, isClientConnected?: () => boolean): Promise<{ agentToken: string }>;

  /**
   * Revokes all tokens of a host at its agent's request. The host's containers and history are kept, but are not
   * updated until the agent has enrolled again.
   * @throws ConflictError if another machine uses the token (`clone_suspected`), because the revocation would
   * disconnect that machine. An operator can still revoke the tokens.
   */
  leave(agent: AgentIdentity): Promise<void>;

  /** Records that a host's agent called. Use this only for calls that are not recorded otherwise. */
  recordCall(agent: AgentIdentity): Promise<void>;
}

const invalidTokenError = () => new TokenInvalidError('The agent token is invalid, expired or revoked.');

/** Maximum number of tokens that one statement looks up or marks as used. */
const BATCH_MAX = 500;

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

  // When a fleet reconnects, a thousand different tokens arrive per second. When a new fleet connects, each token is
  // also used for the first time. Lookups and first uses are therefore batched.
  const lookups = createBatcher<{ key: string; hash: Buffer }, AgentTokenRow | null>(
    (requested) =>
      findAgentTokens(
        db,
        requested.map(({ hash }) => hash),
      ),
    { keyOf: ({ key }) => key, sizeMax: BATCH_MAX },
  );
  const firstUses = createBatcher<UnusedToken, boolean>((tokens) => markFirstUses(db, tokens, now()), {
    keyOf: ({ hostId }) => hostId,
    sizeMax: BATCH_MAX,
  });

  /**
   * Returns the token's row.
   * @throws TokenInvalidError | HostDeletedError unless the token is valid now.
   */
  async function findValid(key: string, hash: Buffer): Promise<AgentTokenRow> {
    const at = now();
    const row = await lookups.add({ key, hash });
    if (row === null) throw invalidTokenError();
    if (row.hostDeletedAt !== null) throw new HostDeletedError();
    if (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= at)) throw invalidTokenError();
    return row;
  }

  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'agent') throw invalidTokenError();
      const hash = Buffer.from(hashToken(token));
      const key = hash.toString('base64');
      const cachedIdentity = cache.get(key);
      if (cachedIdentity !== undefined) return cachedIdentity;

      let readAt = elapsedMs();
      let row = await findValid(key, hash);
      let isFirst = false;
      if (row.firstUsedAt === null) {
        readAt = elapsedMs();
        isFirst = await firstUses.add({ id: row.id, hostId: row.hostId, hash });
        // The tokens issued before this one are now revoked.
        cache.invalidateHost(row.hostId);
        // If the first use was not marked, read the token again: another call may have used the token first, or the
        // token was revoked.
        if (!isFirst) row = await findValid(key, hash);
      }
      const at = now();
      if (row.lastUsedAt !== null && Math.abs(at.getTime() - row.lastUsedAt.getTime()) > LAST_USED_INTERVAL_MS) {
        await prisma.agentToken.updateMany({ where: { id: row.id }, data: { lastUsedAt: at } });
      }
      const identity = { hostId: row.hostId, tokenId: row.id };
      // A token whose first use could not be marked is valid, but is not cached, so that the next call tries again.
      if (row.firstUsedAt !== null || isFirst) cache.set(key, identity, readAt);
      return identity;
    },

    async rotate({ hostId, tokenId }, isClientConnected = () => true) {
      const at = now();
      const { token, hash } = issueToken('agent');
      // Find the newest token before waiting for the lock. During the wait, a concurrent call may create a token and
      // return it to the agent. That newer token must not be revoked.
      const last = await prisma.agentToken.aggregate({ where: { hostId }, _max: { createdAt: true } });
      const replaceableUntil = last._max.createdAt ?? at;
      await transact(db, async (tx) => {
        // This update also locks the host. Every transaction that issues tokens, marks their first use or revokes them
        // locks the host first, so that these transactions cannot deadlock.
        await lockForAgentCall(tx, hostId, at, cadence.heartbeatSeconds);
        const presented = await tx.agentToken.findUnique({ where: { id: tokenId } });
        if (presented === null || presented.revokedAt !== null) throw invalidTokenError();
        if (await isShared(tx, hostId, at)) {
          throw new ConflictError(
            "Another machine uses this host's token, and a new token would disconnect one of the two machines. The token " +
              'can be rotated a day after the other machine was last seen, or by an operator.',
          );
        }
        if (presented.firstUsedAt === null) await markFirstUse(tx, presented, at);
        if (!isClientConnected())
          throw new UnavailableError('The client disconnected before the new token was issued.');
        await tx.agentToken.updateMany({
          where: { hostId, firstUsedAt: null, revokedAt: null, createdAt: { lte: replaceableUntil } },
          data: { revokedAt: at },
        });
        await tx.agentToken.create({
          data: {
            hash,
            hostId,
            createdAt: await nextIssuedAt(tx, hostId, at),
            expiresAt: new Date(at.getTime() + UNUSED_TOKEN_TTL_MS),
          },
        });
      });
      return { agentToken: token };
    },

    async leave({ hostId, tokenId }) {
      const at = now();
      await transact(db, async (tx) => {
        await lockForAgentCall(tx, hostId, at);
        const presented = await tx.agentToken.findUnique({ where: { id: tokenId }, select: { revokedAt: true } });
        // If another call revoked the presented token first, the host's other tokens belong to a later enrollment.
        if (presented === null || presented.revokedAt !== null) return;
        if (await isShared(tx, hostId, at)) {
          throw new ConflictError(
            "Another machine uses this host's token, so the token was not revoked. To remove this machine, delete its " +
              'agent’s state. An operator can revoke the token with “Rotate agent token” on the host’s page.',
          );
        }
        const host = await tx.host.findUnique({ where: { id: hostId }, select: { organizationId: true } });
        const { count } = await tx.agentToken.updateMany({
          where: { hostId, revokedAt: null },
          data: { revokedAt: at },
        });
        if (host === null) return;
        // A trigger records the event `host_left`.
        await tx.host.update({ where: { id: hostId }, data: { leftAt: at } });
        await recordAuditEntry(tx, {
          organizationId: host.organizationId,
          at,
          actor: `host:${hostId}`,
          target: `host:${hostId}`,
          action: 'host.left',
          details: { tokensRevoked: count },
        });
      });
      cache.invalidateHost(hostId);
    },

    recordCall: ({ hostId }) => recordAgentCall(prisma, hostId, now()),
  };
}

/** Returns whether two machines seem to use the host's token. Call this function under the lock on the host. */
async function isShared(tx: Prisma.TransactionClient, hostId: string, at: Date): Promise<boolean> {
  const where = { id: hostId, cloneSuspectedAt: { gt: cloneSuspectedFrom(at) } };
  return (await tx.host.count({ where })) > 0;
}

/**
 * Marks the first use of a token that `markFirstUses` could not mark. Call this function under the lock on the host.
 */
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
 * Returns the time of issue for a host's next token: `at`, but at least a millisecond after the issue of the host's
 * last token, because another replica's clock may have been ahead. The order of tokens therefore never depends on
 * clocks. Call this function under the lock on the host.
 */
async function nextIssuedAt(tx: Prisma.TransactionClient, hostId: string, at: Date): Promise<Date> {
  const { _max: last } = await tx.agentToken.aggregate({ where: { hostId }, _max: { createdAt: true } });
  return new Date(Math.max(at.getTime(), (last.createdAt?.getTime() ?? 0) + 1));
}
