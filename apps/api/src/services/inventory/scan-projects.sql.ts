import type { WorkloadKind } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { HostActivity } from '../freshness/index.js';
import { contains, NOT_INFRA } from './container-columns.sql.js';
import { hasLabels, type HostLabelFilters, hostsWithLabels } from './host-labels.sql.js';
import { PROJECT_BEGINNING, PROJECT_TEXT, SERVICE_TEXT } from './workload-columns.sql.js';

export interface ProjectRow extends HostActivity {
  project: string;
  hostId: string;
  hostName: string;
  kind: WorkloadKind;
  services: string[];
  containers: number;
  running: number;
  unhealthy: number;
}

/** A position in the order of projects. */
export type ProjectPosition = readonly [project: string, hostId: string];

/** The condition that a container is present and belongs to a project. `c` is the alias of the table `containers`. */
const HAS_PROJECT = Prisma.sql`c."removedAt" IS NULL AND ${PROJECT_TEXT} IS NOT NULL AND ${NOT_INFRA}`;

const HOST_ID_MAX = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The filters of projects. */
interface ProjectFilters {
  hostLabel: HostLabelFilters;
  q: string | undefined;
}

/** Aggregates over the containers of one project on one host. Infra containers do not count. */
const PROJECT_AGGREGATES = Prisma.sql`
  COALESCE(min(c."workloadKind"), 'compose') AS kind,
  COALESCE(array_agg(DISTINCT left(${SERVICE_TEXT}, 200) ORDER BY left(${SERVICE_TEXT}, 200))
    FILTER (WHERE ${SERVICE_TEXT} IS NOT NULL AND NOT c."isInfra"), '{}') AS services,
  (count(*) FILTER (WHERE NOT c."isInfra"))::int AS containers,
  (count(*) FILTER (WHERE c.state = 'running' AND NOT c."isInfra"))::int AS running,
  (count(*) FILTER (WHERE c.health = 'unhealthy' AND NOT c."isInfra"))::int AS unhealthy`;

const HOST_COLUMNS = Prisma.sql`h.name AS "hostName", h."lastSeenAt", h."confirmedAt", h."engineError", h."leftAt",
  h."heartbeatSeconds"`;

/** Lists the projects on a few hosts, by reading all of their containers. */
export async function findProjectsOfHosts(
  { prisma }: Database,
  organizationId: string,
  { hostIds, hostLabel, q }: { hostIds: string[] } & ProjectFilters,
  [project, afterHostId]: ProjectPosition,
  limit: number,
): Promise<ProjectRow[]> {
  return prisma.$queryRaw<ProjectRow[]>(Prisma.sql`
    SELECT ${PROJECT_BEGINNING} AS project, h.id::text AS "hostId", ${HOST_COLUMNS}, ${PROJECT_AGGREGATES}
    FROM hosts AS h JOIN containers AS c ON c."hostId" = h.id
    WHERE h."organizationId" = ${organizationId} AND h.id = ANY (${hostIds}::uuid[]) AND h."deletedAt" IS NULL
      AND ${hasLabels(hostLabel)}
      AND ${HAS_PROJECT} AND (${PROJECT_BEGINNING}, h.id) > (${project}, ${afterHostId}::uuid)
      AND ${q === undefined ? Prisma.sql`TRUE` : contains(PROJECT_BEGINNING, q)}
    GROUP BY ${PROJECT_BEGINNING}, h.id HAVING bool_or(NOT c."isInfra") ORDER BY 1, h.id LIMIT ${limit}::int`);
}

export interface ScannedProjects {
  projects: ProjectRow[];
  /**
   * The position at which the scan reached a limit of its work; null if the scan found `limit` projects or read all
   * projects.
   */
  stoppedAt: ProjectPosition | null;
}

/**
 * Steps from project to project in the index, like `scanImages`, until it has found `limit` projects, taken `stepsMax`
 * steps or counted `rowsMax` containers.
 */
export async function scanProjects(
  { prisma }: Database,
  organizationId: string,
  { q, hostLabel }: ProjectFilters,
  [project, hostId]: ProjectPosition,
  { limit, rowsMax, stepsMax }: { limit: number; rowsMax: number; stepsMax: number },
): Promise<ScannedProjects> {
  type Step = ProjectRow & { number: number };
  const isOfLabels = hostLabel ? Prisma.sql`c."hostId" IN (SELECT id FROM labeled_hosts)` : Prisma.sql`TRUE`;
  const isRequested = q === undefined ? Prisma.sql`TRUE` : contains(Prisma.sql`step.project`, q);
  const steps = await prisma.$queryRaw<(Step & { isStopped: boolean })[]>(Prisma.sql`
    WITH RECURSIVE labeled_hosts AS MATERIALIZED (
      ${hostsWithLabels(organizationId, hostLabel)}
    ), walked AS (
      SELECT ${project}::text COLLATE "C" AS project, ${hostId}::uuid AS "hostId", NULL::text AS "hostName",
        NULL::timestamptz(3) AS "lastSeenAt", NULL::timestamptz(3) AS "confirmedAt", NULL::text AS "engineError",
        NULL::timestamptz(3) AS "leftAt", NULL::int AS "heartbeatSeconds",
        NULL::text AS kind, NULL::text[] AS services, 0 AS containers, 0 AS running, 0 AS unhealthy, 0 AS found, 0 AS rows, 0 AS number
      UNION ALL
      -- A project that was not requested is skipped for all hosts.
      SELECT step.project, CASE WHEN ${isRequested} THEN step."hostId" ELSE ${HOST_ID_MAX}::uuid END, h.name,
        h."lastSeenAt", h."confirmedAt", h."engineError", h."leftAt", h."heartbeatSeconds", counted.kind,
        counted.services, counted.containers, counted.running, counted.unhealthy,
        w.found + CASE WHEN counted.containers > 0 THEN 1 ELSE 0 END, w.rows + counted.containers, w.number + 1
      FROM walked AS w
      CROSS JOIN LATERAL (
        SELECT ${PROJECT_BEGINNING} AS project, c."hostId" FROM containers AS c
        WHERE c."organizationId" = ${organizationId} AND ${HAS_PROJECT}
          AND (${PROJECT_BEGINNING}, c."hostId") > (w.project, w."hostId") AND ${isOfLabels}
        ORDER BY ${PROJECT_BEGINNING}, c."hostId" LIMIT 1
      ) AS step
      JOIN hosts AS h ON h.id = step."hostId"
      CROSS JOIN LATERAL (
        SELECT ${PROJECT_AGGREGATES} FROM containers AS c
        WHERE c."organizationId" = ${organizationId} AND ${HAS_PROJECT} AND ${PROJECT_BEGINNING} = step.project
          AND c."hostId" = step."hostId" AND h."deletedAt" IS NULL AND ${isRequested}
      ) AS counted
      WHERE w.found < ${limit}::int AND w.rows < ${rowsMax}::int AND w.number < ${stepsMax}::int
    )
    SELECT project, "hostId"::text AS "hostId", "hostName", "lastSeenAt", "confirmedAt", "engineError", "leftAt",
      "heartbeatSeconds", kind, services,
      containers, running, unhealthy, (rows >= ${rowsMax}::int OR number >= ${stepsMax}::int) AS "isStopped", number
    FROM walked
    WHERE number > 0 AND (containers > 0 OR rows >= ${rowsMax}::int OR number >= ${stepsMax}::int)
    ORDER BY number`);
  const last = steps.at(-1);
  return {
    projects: steps.filter(({ containers }) => containers > 0),
    stoppedAt: last?.isStopped === true ? [last.project, last.hostId] : null,
  };
}
