import type { CountedPage, Host, HostQuery } from '@muster/contracts';
import type { Database } from '@muster/db';
import { encodeCursor } from '../../lib/cursor.js';
import {
  freshnessCutoffs,
  hostFreshness,
  clampToNow,
  type FreshnessContext,
  type ReadFreshnessContext,
} from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { splitStateCounts, type StateChanges, hostProblems } from '../sync/index.js';
import { NotFoundError } from '../../errors.js';
import { listHosts, type HostRow } from './select-hosts.sql.js';

export interface HostReader {
  /** Lists the organization's hosts, filtered and sorted. */
  list(operator: OperatorIdentity, query: HostQuery): Promise<CountedPage<Host>>;

  /**
   * Returns one host.
   * @throws NotFoundError if the organization has no such host.
   */
  get(operator: OperatorIdentity, hostId: string): Promise<Host>;

  /** Returns those of these hosts that belong to the organization, in any order. */
  getMany(organizationId: string, hostIds: readonly string[]): Promise<Host[]>;
}

export function createHostReader(db: Database, freshnessContext: ReadFreshnessContext): HostReader {
  const { prisma } = db;

  const getMany = async (organizationId: string, hostIds: readonly string[]) => {
    const where = { id: { in: [...hostIds] }, organizationId, deletedAt: null };
    const [rows, context] = await Promise.all([prisma.host.findMany({ where }), freshnessContext()]);
    return rows.map((row) => toHost(row, context));
  };

  return {
    getMany,

    async list({ organizationId }, query) {
      const context = await freshnessContext();
      const { rows, place, total } = await listHosts(db, organizationId, query, freshnessCutoffs(context));
      return {
        items: rows.map((row) => toHost(row, context)),
        nextCursor: place && encodeCursor(place),
        ...(total === null ? {} : { total, totalIsExact: true }),
      };
    },

    async get({ organizationId }, hostId) {
      const [host] = await getMany(organizationId, [hostId]);
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
  problems: hostProblems(row, context.now),
  containerCount: row.containerCount,
  ...splitStateCounts(row.stateCounts as StateChanges),
  revision: row.revision,
  lastSeenAt: row.lastSeenAt && clampToNow(row.lastSeenAt, context.now).toISOString(),
  confirmedAt: row.confirmedAt && clampToNow(row.confirmedAt, context.now).toISOString(),
  engineError: row.engineError,
  cloneSuspectedAt: row.cloneSuspectedAt?.toISOString() ?? null,
  clockSkewSeconds: row.clockSkewSeconds,
  enrolledAt: row.enrolledAt.toISOString(),
});
