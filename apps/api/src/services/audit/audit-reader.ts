import type { AuditEntry, AuditQuery, Page } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { type OperatorIdentity, findActorNames } from '../identity/index.js';

export interface AuditReader {
  /** Lists the organization's audit entries, newest first. */
  list(operator: OperatorIdentity, query: AuditQuery): Promise<Page<AuditEntry>>;
}

export function createAuditReader(db: Database): AuditReader {
  return {
    async list({ organizationId }, { cursor, limit }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ['int8'])[0];
      const rows = await db.prisma.auditEntry.findMany({
        where: { organizationId, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      const shown = rows.slice(0, limit);
      const names = await findActorNames(
        db,
        shown.map(({ actor }) => actor),
      );
      const items = shown.map(({ id, at, actor, action, target, details }) => ({
        ...{ id: String(id), at: at.toISOString(), actor, actorName: names.get(actor) ?? null, action, target },
        details: details as Record<string, unknown>,
      }));
      return { items, nextCursor: rows.length > limit ? encodeCursor([Number(items.at(-1)!.id)]) : null };
    },
  };
}
