import type { Host, HostPatch, HostQuery, Page } from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../domain/cursor.js';
import { hostFreshness, type FreshnessContext } from '../domain/freshness.js';
import { countsByWord, type StateChanges } from '../domain/state-counts.js';
import { NotFoundError } from '../errors.js';
import { forgetHost } from '../sql/forget-host.js';
import type { AgentTokenCache } from './agent-token-cache.js';
import type { OperatorIdentity } from '../domain/operator-identity.js';
import { recordAudit } from './audit.js';
import type { ReadFreshnessContext } from './freshness-context.js';

export interface HostService {
  /** The organization's hosts by name. */
  list(operator: OperatorIdentity, query: HostQuery): Promise<Page<Host>>;

  /** @throws NotFoundError if the organization has no such host. */
  get(operator: OperatorIdentity, hostId: string): Promise<Host>;

  /** @throws NotFoundError if the organization has no such host. */
  rename(operator: OperatorIdentity, hostId: string, patch: HostPatch): Promise<Host>;

  /**
   * Revokes a host's tokens and forgets its containers and history. Its agent, should it call again, is told to stop;
   * the same machine enrolled later is a new host.
   * @throws NotFoundError if the organization has no such host.
   */
  delete(operator: OperatorIdentity, hostId: string): Promise<void>;
}

/** Batches of rows that an operator who deletes a host waits for. */
const FORGET_BATCHES_MAX = 4;

type HostRow = Prisma.HostGetPayload<object>;

export function createHostService(
  db: Database,
  freshnessContext: ReadFreshnessContext,
  { now = () => new Date(), tokenCache }: { now?: () => Date; tokenCache?: AgentTokenCache } = {},
): HostService {
  const { prisma } = db;

  const find = async ({ organizationId }: OperatorIdentity, id: string): Promise<HostRow> => {
    const host = await prisma.host.findFirst({ where: { id, organizationId, deletedAt: null } });
    if (host === null) throw new NotFoundError('host');
    return host;
  };

  return {
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
      const items = rows.slice(0, limit).map((row) => toView(row, context));
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last ? encodeCursor([last.name, last.id]) : null };
    },

    async get(operator, hostId) {
      const [host, context] = await Promise.all([find(operator, hostId), freshnessContext()]);
      return toView(host, context);
    },

    async rename(operator, hostId, { name }) {
      const { organizationId, actor } = operator;
      const at = now();
      await transact(db, async (tx) => {
        const [host] = await tx.$queryRaw<{ name: string }[]>(Prisma.sql`
          SELECT name FROM hosts
          WHERE id = ${hostId}::uuid AND "organizationId" = ${organizationId} AND "deletedAt" IS NULL
          FOR NO KEY UPDATE`);
        if (host === undefined) throw new NotFoundError('host');
        if (host.name === name) return;
        await tx.host.update({ where: { id: hostId }, data: { name } });
        await recordAudit(tx, {
          ...{ organizationId, at, target: `host:${hostId}` },
          actor,
          action: 'host.renamed',
          details: { from: host.name, to: name },
        });
      });
      return this.get(operator, hostId);
    },

    async delete({ organizationId, actor }, hostId) {
      const at = now();
      await transact(db, async (tx) => {
        // The host's row first: a sync in flight has committed by then, or finds its host deleted.
        const { count } = await tx.host.updateMany({
          where: { id: hostId, organizationId, deletedAt: null },
          data: { deletedAt: at, digest: null, containerCount: 0, revision: { increment: 1 } },
        });
        if (count === 0) throw new NotFoundError('host');
        await tx.agentToken.updateMany({ where: { hostId, revokedAt: null }, data: { revokedAt: at } });
        await recordAudit(tx, {
          ...{ organizationId, at, target: `host:${hostId}` },
          actor,
          action: 'host.deleted',
        });
      });
      tokenCache?.forgetHost(hostId);
      // A long history is more than one statement may take; what is left, retention takes.
      await forgetHost(db, hostId, FORGET_BATCHES_MAX);
    },
  };
}

const toView = (row: HostRow, context: FreshnessContext): Host => ({
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
