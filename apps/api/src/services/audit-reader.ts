import type { AuditEntry, AuditQuery, Page } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../domain/cursor.js';
import type { OperatorIdentity } from '../domain/operator-identity.js';

export interface AuditReader {
  /** What was done in the organization, the newest first. */
  list(operator: OperatorIdentity, query: AuditQuery): Promise<Page<AuditEntry>>;
}

export function createAuditReader({ prisma }: Database): AuditReader {
  /** What those are called now, by actor. A person who was removed keeps their name. */
  async function namesOf(actors: readonly string[]): Promise<Map<string, string>> {
    const ids = (kind: string) => [
      ...new Set(actors.filter((actor) => actor.startsWith(kind)).map((actor) => actor.slice(kind.length))),
    ];
    const [users, keys] = [ids('user:'), ids('api_key:')];
    const select = { id: true, name: true } as const;
    const found = {
      user: users.length === 0 ? [] : await prisma.user.findMany({ where: { id: { in: users } }, select }),
      api_key: keys.length === 0 ? [] : await prisma.apiKey.findMany({ where: { id: { in: keys } }, select }),
    };
    return new Map(
      Object.entries(found).flatMap(([kind, rows]) => rows.map(({ id, name }) => [`${kind}:${id}`, name] as const)),
    );
  }

  return {
    async list({ organizationId }, { cursor, limit }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ['integer'])[0];
      const rows = await prisma.auditEntry.findMany({
        where: { organizationId, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      const shown = rows.slice(0, limit);
      const names = await namesOf(shown.map(({ actor }) => actor));
      const items = shown.map(({ id, at, actor, action, target, details }) => ({
        ...{ id: String(id), at: at.toISOString(), actor, actorName: names.get(actor) ?? null, action, target },
        details: details as Record<string, unknown>,
      }));
      return { items, nextCursor: rows.length > limit ? encodeCursor([Number(items.at(-1)!.id)]) : null };
    },
  };
}
