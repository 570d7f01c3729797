import { tokenKind } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { hashToken, issueToken } from '../domain/tokens.js';
import { HostDeletedError, TokenInvalidError } from '../errors.js';

/** Milliseconds that a rotated token may stay unused before it dies: 24 hours. */
const UNUSED_TOKEN_LIFE_MS = 24 * 3_600_000;

/** `lastUsedAt` is written once in so many milliseconds, not at every call. */
const LAST_USED_GRAIN_MS = 3_600_000;

/** The host that a token speaks for; known from the token alone. */
export interface AgentIdentity {
  hostId: string;
  tokenId: string;
}

export interface AgentTokenService {
  /**
   * Finds the host of an agent token. The first use of a token revokes the host's earlier ones: its holder has it.
   * @throws TokenInvalidError for a token that is malformed, unknown, expired or revoked.
   * @throws HostDeletedError for one whose host was deleted.
   */
  authenticate(token: string): Promise<AgentIdentity>;

  /**
   * Issues a host's next token. The presented one lives on until the new one is first used, so that a lost answer
   * locks nobody out; rotating again replaces the one that was not used.
   * @throws TokenInvalidError if the presented token was revoked meanwhile.
   */
  rotate(agent: AgentIdentity): Promise<{ agentToken: string }>;
}

interface TokenRow {
  id: string;
  hostId: string;
  firstUsedAt: Date | null;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  hostDeletedAt: Date | null;
}

const invalid = () => new TokenInvalidError('The agent token is not valid, or no longer.');

export function createAgentTokenService(
  db: Database,
  { now = () => new Date() }: { now?: () => Date } = {},
): AgentTokenService {
  const { prisma } = db;

  /** Marks the first use and revokes the host's other tokens. False if the token was revoked before that. */
  async function takeIntoUse({ id, hostId }: TokenRow, at: Date): Promise<boolean> {
    // The lock on the host comes first here and in `rotate`, so that the two cannot wait for each other.
    const used = await prisma.$executeRaw(Prisma.sql`
      WITH host AS (
        SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE
      ), used AS (
        UPDATE agent_tokens SET "firstUsedAt" = ${at}, "lastUsedAt" = ${at}, "expiresAt" = NULL
        FROM host WHERE agent_tokens.id = ${id}::uuid AND "revokedAt" IS NULL
        RETURNING agent_tokens.id, "hostId"
      ), others AS (
        UPDATE agent_tokens SET "revokedAt" = ${at}
        FROM used WHERE agent_tokens."hostId" = used."hostId" AND agent_tokens.id <> used.id AND "revokedAt" IS NULL
      )
      SELECT 1 FROM used`);
    return used > 0;
  }

  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'agent') throw invalid();
      const at = now();
      const [row] = await prisma.$queryRaw<TokenRow[]>(Prisma.sql`
        SELECT t.id, t."hostId", t."firstUsedAt", t."lastUsedAt", t."expiresAt", t."revokedAt",
          h."deletedAt" AS "hostDeletedAt"
        FROM agent_tokens AS t JOIN hosts AS h ON h.id = t."hostId"
        WHERE t.hash = ${hashToken(token)}`);
      if (row === undefined) throw invalid();
      if (row.hostDeletedAt !== null) throw new HostDeletedError();
      if (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= at)) throw invalid();
      if (row.firstUsedAt === null) {
        if (!(await takeIntoUse(row, at))) throw invalid();
      } else if (row.lastUsedAt === null || at.getTime() - row.lastUsedAt.getTime() > LAST_USED_GRAIN_MS) {
        await prisma.agentToken.updateMany({ where: { id: row.id }, data: { lastUsedAt: at } });
      }
      return { hostId: row.hostId, tokenId: row.id };
    },

    async rotate({ hostId, tokenId }) {
      const at = now();
      const { token, hash } = issueToken('agent');
      await prisma.$transaction(async (tx) => {
        await tx.$queryRaw(Prisma.sql`SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE`);
        const presented = await tx.agentToken.findUnique({ where: { id: tokenId }, select: { revokedAt: true } });
        if (presented === null || presented.revokedAt !== null) throw invalid();
        await tx.agentToken.updateMany({
          where: { hostId, firstUsedAt: null, revokedAt: null },
          data: { revokedAt: at },
        });
        const expiresAt = new Date(at.getTime() + UNUSED_TOKEN_LIFE_MS);
        await tx.agentToken.create({ data: { hash, hostId, createdAt: at, expiresAt } });
      });
      return { agentToken: token };
    },
  };
}
