import { ATTENTION_LATEST_MAX, ATTENTION_IMAGES_MAX, type ContainerExit, type Workload } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { type FreshnessContext, freshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { NOT_INFRA } from './container-columns.sql.js';
import { EXITS_READ_MAX, MAY_LOOP, recentErrors, ROW_PROBLEMS, type RowProblem } from './container-problems.sql.js';
import { hasLabels, type HostLabelFilters } from './host-labels.sql.js';
import { loopingContainers, readsAllLoops, repeatedExits } from './crash-loops.sql.js';
import { PROJECT_TEXT, SERVICE_TEXT } from './workload-columns.sql.js';

interface LatestContainer {
  hostId: string;
  hostName: string;
  dockerId: string;
  name: string;
  exitCode: number | null;
  exit: ContainerExit | null;
  workload: Workload;
  exits: number | null;
  since: string;
}

/** The containers of one image that have the same problem. */
export interface ImageRow {
  image: string;
  total: number;
  hosts: number;
  since: Date;
  /** The containers that got the problem most recently, newest first. */
  latest: LatestContainer[];
}

/**
 * Groups rows of `troubled` by `kind` and image. For each `kind`, the image with `rank` 1 has the container that got
 * the problem most recently.
 */
const groupByImage = (troubled: Prisma.Sql) => Prisma.sql`
  numbered AS (
    SELECT *, row_number() OVER (PARTITION BY kind, image ORDER BY since DESC, "hostId", "dockerId") AS number
    FROM ${troubled}
  ), images AS (
    SELECT kind, image, count(*)::int AS total, count(DISTINCT "hostId")::int AS hosts, min(since) AS since,
      json_agg(json_build_object('hostId', "hostId", 'hostName', "hostName", 'dockerId', "dockerId", 'name', name,
        'exitCode', "exitCode", 'exit', exit, 'workload', workload, 'exits', exits, 'since', since) ORDER BY number) FILTER (WHERE number <= ${ATTENTION_LATEST_MAX}::int) AS latest,
      row_number() OVER (PARTITION BY kind ORDER BY max(since) DESC, image) AS rank
    FROM numbered GROUP BY kind, image
  )`;

/** The workload of a row `c`. A row that an earlier version wrote has no workload columns, only labels. */
const WORKLOAD = Prisma.sql`json_build_object(
  'kind', COALESCE(c."workloadKind", CASE WHEN ${PROJECT_TEXT} IS NULL THEN 'plain' ELSE 'compose' END),
  'project', ${PROJECT_TEXT},
  'service', COALESCE(${SERVICE_TEXT}, CASE WHEN ${PROJECT_TEXT} IS NULL THEN c.name END),
  'instance', c.instance) AS workload`;

const FIRST_IMAGES = Prisma.sql`
  SELECT kind, image, total, hosts, since, latest FROM images WHERE rank <= ${ATTENTION_IMAGES_MAX}::int
  ORDER BY kind, image COLLATE "C"`;

/** Reads the containers of these hosts that have a problem, grouped by problem and image. */
export async function readTroubledContainers(
  { prisma }: Database,
  hostIds: readonly string[],
): Promise<(ImageRow & { kind: RowProblem })[]> {
  if (hostIds.length === 0) return [];
  const kind = Prisma.sql`CASE ${Prisma.join(
    (Object.entries(ROW_PROBLEMS) as [RowProblem, Prisma.Sql][]).map(
      ([code, condition]) => Prisma.sql`WHEN ${condition} THEN ${code}::text`,
    ),
    ' ',
  )} END`;
  // With OFFSET 0, the planner reads the rows host by host, from the index of present rows.
  return prisma.$queryRaw(Prisma.sql`
    WITH troubled AS (
      SELECT c.*, h.name AS "hostName"
      FROM unnest(${[...hostIds]}::uuid[]) AS wanted (id) JOIN hosts AS h ON h.id = wanted.id
      CROSS JOIN LATERAL (
        SELECT c."hostId", c."dockerId", c.name, c.image, c."exitCode", c.exit, c."changedAt" AS since, ${kind} AS kind,
          ${WORKLOAD}, NULL::int AS exits
        FROM containers AS c WHERE c."hostId" = wanted.id AND c."removedAt" IS NULL AND ${NOT_INFRA} OFFSET 0
      ) AS c
      WHERE c.kind IS NOT NULL
    ), ${groupByImage(Prisma.sql`troubled`)}
    ${FIRST_IMAGES}`);
}

export interface CrashLoops {
  total: number;
  /** The number of these containers that also have one of the `ROW_PROBLEMS`. */
  counted: number;
  /** False if there were more exits than the search reads, so that there may be more crash loops. */
  isExact: boolean;
  images: ImageRow[];
}

/**
 * Finds the crash loops on hosts whose containers are current, grouped by image. Of each workload in a crash loop, one
 * container is returned (`loopingContainers`).
 */
export async function readCrashLoops(
  { prisma }: Database,
  organizationId: string,
  context: FreshnessContext,
  hostLabel: HostLabelFilters,
  exitsReadMax: number = EXITS_READ_MAX,
): Promise<CrashLoops> {
  const isOnline = Prisma.sql`${freshnessSql(freshnessCutoffs(context)).containers} = 'online'`;
  const hasRowProblem = Prisma.join(
    Object.values(ROW_PROBLEMS).map((condition) => Prisma.sql`COALESCE(${condition}, FALSE)`),
    ' OR ',
  );
  const [found] = await prisma.$queryRaw<
    (Omit<CrashLoops, 'images'> & { images: (Omit<ImageRow, 'since'> & { since: string })[] })[]
  >(Prisma.sql`
    WITH errors AS MATERIALIZED (${recentErrors(organizationId, context.now, exitsReadMax)}),
    repeated AS MATERIALIZED (${repeatedExits(Prisma.sql`errors`, organizationId, context.now, exitsReadMax)}),
    looping AS MATERIALIZED (${loopingContainers(organizationId, Prisma.sql`repeated`, { mayLoop: MAY_LOOP, isOnline })}),
    troubled AS MATERIALIZED (
      SELECT c."hostId", c."dockerId", c.name, c.image, c."exitCode", c.exit, e.since, e.exits, ${WORKLOAD}, h.name AS "hostName",
        'crash_loop' AS kind, (${hasRowProblem}) AS counted
      FROM looping AS e JOIN hosts AS h ON h.id = e."hostId"
      CROSS JOIN LATERAL (
        SELECT * FROM containers AS c WHERE c."hostId" = e."hostId" AND c."dockerId" = e."dockerId" OFFSET 0
      ) AS c
      WHERE h."deletedAt" IS NULL AND ${isOnline} AND ${MAY_LOOP}
        AND ${hasLabels(hostLabel)}
    ), ${groupByImage(Prisma.sql`troubled`)}
    SELECT (SELECT count(*)::int FROM troubled) AS total,
      (SELECT count(*)::int FROM troubled WHERE counted) AS counted,
      (SELECT count(*) FROM errors) < ${exitsReadMax}::int
        AND ${readsAllLoops(organizationId, exitsReadMax)} AS "isExact",
      (SELECT COALESCE(json_agg(first), '[]') FROM (${FIRST_IMAGES}) AS first) AS images`);
  if (found === undefined) throw new Error('the search for crash loops returned no row');
  return { ...found, images: found.images.map((image) => ({ ...image, since: new Date(image.since) })) };
}
