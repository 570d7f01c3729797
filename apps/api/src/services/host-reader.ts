import type { Host, HostQuery, Page } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { decodeCursor, encodeCursor } from '../domain/cursor.js';
import { hostFreshness, type FreshnessContext } from '../domain/freshness.js';
import type { OperatorIdentity } from '../domain/operator-identity.js';
import { countsByWord, type StateChanges } from '../domain/state-counts.js';
import { NotFoundError } from '../errors.js';
import type { ReadFreshnessContext } from './freshness-context.js';

export interface HostReader {
  /** The organization's hosts by name. */
  list(operator: OperatorIdentity, query: HostQuery): Promise<Page<Host>>;

  /** @throws NotFoundError if the organization has no such host. */
  get(operator: OperatorIdentity, hostId: string): Promise<Host>;

  /** Those of these hosts that the organization has, in any order. */
  some(organizationId: string, hostIds: readonly string[]): Promise<Host[]>;
}

type HostRow = Prisma.HostGetPayload<object>;

export function createHostReader({ prisma }: Database, freshnessContext: ReadFreshnessContext): HostReader {
  const some = async (organizationId: string, hostIds: readonly string[]) => {
    const where = { id: { in: [...hostIds] }, organizationId, deletedAt: null };
    const [rows, context] = await Promise.all([prisma.host.findMany({ where }), freshnessContext()]);
    return rows.map((row) => toHost(row, context));
  };

  return {
    some,

    async list({ organizationId }, { cursor, limit }) {
      const where: Prisma.HostWhereInput = { organizationId, deletedAt: null };
      if (cursor !== undefined) {
        const [name, id] = decodeCursor(cursor, ['string', 'uuid']);
        where.OR = [{ name: { gt: name } }, { name, id: { gt: id } }];
      }
      const [rows, context] = await Promise.all([
        prisma.host.findMany({ where, orderBy: [{ name: 'asc' }, { id: 'asc' }], take: limit + 1 }),
        freshnessContext(),
      ]);
      const items = rows.slice(0, limit).map((row) => toHost(row, context));
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last ? encodeCursor([last.name, last.id]) : null };
    },

    async get({ organizationId }, hostId) {
      const [host] = await some(organizationId, [hostId]);
      if (host === undefined) throw new NotFoundError('host');
      return host;
    },
  };
}

const toHost = (row: HostRow, context: FreshnessContext): Host => ({
  id: row.id,
  name: row.name,
  engineId: row.engineId,
  engine: { name: row.engineName, version: row.engineVersion, apiVersion: row.engineApiVersion },
  os: row.os,
  arch: row.arch,
  agentVersion: row.agentVersion,
  freshness: hostFreshness(row, context),
  containerCount: row.containerCount,
  ...countsByWord(row.stateCounts as StateChanges),
  revision: row.revision,
  lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
  confirmedAt: row.confirmedAt?.toISOString() ?? null,
  engineError: row.engineError,
  cloneSuspectedAt: row.cloneSuspectedAt?.toISOString() ?? null,
  enrolledAt: row.enrolledAt.toISOString(),
});
