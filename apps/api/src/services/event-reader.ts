import type { ContainerEvent, EventKind, EventQuery, EventValue, Page } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../domain/cursor.js';
import type { OperatorIdentity } from './api-key.js';

export interface EventReader {
  /** The organization's history, the newest first. */
  list(operator: OperatorIdentity, query: EventQuery): Promise<Page<ContainerEvent>>;
}

interface EventRow {
  tx: bigint;
  id: bigint;
  hostId: string;
  hostName: string;
  dockerId: string;
  name: string;
  kind: EventKind;
  from: EventValue;
  to: EventValue;
  exitCode: number | null;
  observedAt: Date;
  recordedAt: Date;
}

export function createEventReader({ prisma }: Database): EventReader {
  return {
    async list({ organizationId }, { hostId, dockerId, name, kind, since, cursor, limit }) {
      const conditions = [Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`];
      if (hostId) conditions.push(Prisma.sql`e."hostId" = ANY (${hostId}::uuid[])`);
      if (dockerId) conditions.push(Prisma.sql`e."dockerId" = ANY (${dockerId}::text[])`);
      if (name) conditions.push(Prisma.sql`e.name = ANY (${name}::text[])`);
      if (kind) conditions.push(Prisma.sql`e.kind = ANY (${kind}::text[])`);
      if (since !== undefined) conditions.push(Prisma.sql`e."recordedAt" >= ${since}::timestamptz`);
      if (cursor !== undefined) {
        const [tx, id] = decodeCursor(cursor, ['integer', 'integer']);
        conditions.push(Prisma.sql`(e.tx, e.id) < (${tx}::bigint, ${id}::bigint)`);
      }
      const rows = await prisma.$queryRaw<EventRow[]>(Prisma.sql`
        SELECT e.tx, e.id, e."hostId"::text AS "hostId", h.name AS "hostName", e."dockerId", e.name, e.kind,
          e."from", e."to", e."exitCode", e."observedAt", e."recordedAt"
        FROM container_events AS e JOIN hosts AS h ON h.id = e."hostId"
        WHERE ${Prisma.join(conditions, ' AND ')}
        ORDER BY e.tx DESC, e.id DESC
        LIMIT ${limit + 1}::int`);
      const items = rows.slice(0, limit);
      const last = rows.length > limit ? items.at(-1) : undefined;
      return {
        items: items.map(toView),
        nextCursor: last ? encodeCursor([Number(last.tx), Number(last.id)]) : null,
      };
    },
  };
}

const toView = ({ tx, id, observedAt, recordedAt, ...event }: EventRow): ContainerEvent => ({
  id: `${tx}-${id}`,
  ...event,
  observedAt: observedAt.toISOString(),
  recordedAt: recordedAt.toISOString(),
});
