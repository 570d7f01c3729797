import type { Database, Statement } from '@muster/db';

/** A stored agent token, valid or not. */
export interface AgentTokenRow {
  id: string;
  hostId: string;
  firstUsedAt: Date | null;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
  revokedAt: Date | null;
  hostDeletedAt: Date | null;
}

const FIND_AGENT_TOKENS: Statement = {
  name: 'find_agent_tokens',
  isSmall: true,
  text: `
    SELECT t.hash, t.id::text AS id, t."hostId"::text AS "hostId", t."firstUsedAt", t."lastUsedAt", t."expiresAt",
      t."revokedAt", h."deletedAt" AS "hostDeletedAt"
    FROM agent_tokens AS t JOIN hosts AS h ON h.id = t."hostId"
    WHERE t.hash = ANY ($1::bytea[])`,
};

/** Finds tokens by their hashes. Returns one element per hash in the same order, null for an unknown hash. */
export async function findAgentTokens(db: Database, hashes: readonly Buffer[]): Promise<(AgentTokenRow | null)[]> {
  const rows = await db.query<AgentTokenRow & { hash: Buffer }>(FIND_AGENT_TOKENS, [hashes]);
  const byHash = new Map(rows.map(({ hash, ...row }) => [hash.toString('base64'), row]));
  return hashes.map((hash) => byHash.get(hash.toString('base64')) ?? null);
}
