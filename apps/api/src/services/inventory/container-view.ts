import {
  canonicalContainer,
  deriveWorkload,
  CONTAINER_FIELD_NAMES,
  fieldsWith,
  type Container,
  type ContainerView,
  type FieldsWith,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { toWorkload, type WorkloadColumns } from '../sync/index.js';
import { containersFreshness, clampToNow, type FreshnessContext, type HostActivity } from '../freshness/index.js';

type InstantField = FieldsWith<'kind', 'instant'>;

/** The facts that are null if the agent did not report them. */
type OptionalFact = FieldsWith<'kind', 'exit' | 'flag' | 'count' | 'optionalText'>;

/** The columns from which a container's view is made. */
export interface ContainerViewRow
  extends
    HostActivity,
    Required<Omit<Container, InstantField | OptionalFact>>,
    Record<InstantField, Date | null>,
    WorkloadColumns,
    Pick<ContainerView, OptionalFact | 'hostId' | 'hostName' | 'engineName' | 'health' | 'exitCode' | 'isInfra'> {
  clockSkewSeconds: number | null;
  firstSeenAt: Date;
  changedAt: Date;
  removedAt: Date | null;
}

const WORKLOAD_COLUMNS = Prisma.sql`c."workloadKind", c.project, c.service, c.instance`;

/** The columns of a `ContainerViewRow`; `c` is the container's row, and `h` is the host's row. */
export const CONTAINER_VIEW = Prisma.sql`
  c."hostId"::text AS "hostId", h.name AS "hostName", h."engineName", h."lastSeenAt", h."confirmedAt", h."engineError", h."leftAt",
  h."heartbeatSeconds", h."clockSkewSeconds",
  ${Prisma.raw(CONTAINER_FIELD_NAMES.map((name) => `c."${name}"`).join(', '))},
  ${WORKLOAD_COLUMNS}, c."isInfra", c.health, c."exitCode", c."firstSeenAt", c."changedAt", c."removedAt"`;

const INSTANT_FIELDS = fieldsWith('kind', 'instant');

export function toContainerView(row: ContainerViewRow, context: FreshnessContext): ContainerView {
  const container: Record<string, unknown> = { ...row };
  for (const name of INSTANT_FIELDS) container[name] = row[name]?.toISOString() ?? null;
  const asOf = row.confirmedAt && clampToNow(row.confirmedAt, context.now);
  return {
    // jsonb does not preserve the order of keys.
    ...canonicalContainer(container as unknown as Container),
    hostId: row.hostId,
    hostName: row.hostName,
    hostFreshness: containersFreshness(row, context),
    engineName: row.engineName,
    asOf: asOf?.toISOString() ?? null,
    health: row.health,
    exitCode: row.exitCode,
    // A removed row keeps the exit only in case the container reappears, so the view does not contain the exit.
    exit: row.removedAt === null ? row.exit : null,
    oomKilled: row.oomKilled,
    restartCount: row.restartCount,
    imageDigest: row.imageDigest,
    workload: toWorkload(row) ?? deriveWorkload(container as unknown as Container),
    isInfra: row.isInfra,
    uptimeSeconds: uptimeSeconds({ ...row, confirmedAt: asOf }),
    firstSeenAt: row.firstSeenAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    removedAt: row.removedAt?.toISOString() ?? null,
  };
}

const UP_STATES: ReadonlySet<string> = new Set(['running', 'paused']);

/**
 * Returns how long a container had been up when its host last confirmed it. Both times are according to the host's
 * clock.
 */
function uptimeSeconds(row: ContainerViewRow): number | null {
  const { startedAt, confirmedAt, clockSkewSeconds } = row;
  if (!UP_STATES.has(row.state) || row.removedAt !== null || startedAt === null || confirmedAt === null) return null;
  const seconds = (confirmedAt.getTime() - startedAt.getTime()) / 1_000 + (clockSkewSeconds ?? 0);
  return Math.max(0, Math.floor(seconds));
}
