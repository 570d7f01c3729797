import { BUILD_HOSTS_MAX, BUILDS_MAX } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { BuildRow } from './compare-builds.js';
import { IMAGE_BEGINNING, NOT_INFRA, textBeginning } from './container-columns.sql.js';
import { type HostLabelFilters, hostsWithLabels } from './host-labels.sql.js';

/** The counts of an image, and its builds with the most containers. */
export interface ImageRow {
  image: string;
  imageIds: number;
  hosts: number;
  containers: number;
  running: number;
  isExact: boolean;
  rows: BuildRow[];
  rowCount: number;
  idsOfOneHost: [string, string][];
}

/** The image's id, if the container has no digest. */
const IMAGE_ID_WITHOUT_DIGEST = Prisma.sql`CASE WHEN o."imageDigest" IS NULL THEN o."imageId" END`;

/**
 * Maximum number of image ids that are compared for each build. Also the maximum number of compared pairs of image ids
 * of one host.
 */
const IDS_MAX = 100;

/**
 * Selects the present containers of images, with the columns that `countedBuilds` reads. `condition` selects the
 * images; it uses the table alias `c`. Sorting by code point is several times as fast as sorting by the database's
 * locale.
 */
export const containersOfImages = (
  organizationId: string,
  { isOfHosts }: CountedHosts,
  condition: Prisma.Sql,
  rowsMax: number,
): Prisma.Sql =>
  Prisma.sql`SELECT c.image COLLATE "C" AS image, c."imageDigest" COLLATE "C" AS "imageDigest",
      c."imageId" COLLATE "C" AS "imageId", c."hostId", c.state
    FROM containers AS c
    WHERE c."organizationId" = ${organizationId} AND c."removedAt" IS NULL AND ${NOT_INFRA} AND ${condition}
      AND ${isOfHosts}
    LIMIT ${rowsMax}::int`;

/** The hosts whose containers are counted. */
export interface CountedHosts {
  /** Defines a table that `isOfHosts` needs. */
  table: Prisma.Sql;
  /** The condition that a container (`c`) is on one of the hosts. */
  isOfHosts: Prisma.Sql;
}

/** The hosts of an organization. Excludes the deleted hosts, because their containers' rows may still exist. */
export const allHosts = (organizationId: string): CountedHosts => ({
  table: Prisma.sql`deleted_hosts AS MATERIALIZED (
      SELECT id FROM hosts WHERE "organizationId" = ${organizationId} AND "deletedAt" IS NOT NULL
    )`,
  isOfHosts: Prisma.sql`c."hostId" NOT IN (SELECT id FROM deleted_hosts)`,
});

/** The hosts of an organization that have all of these labels. */
export const labeledHosts = (organizationId: string, hostLabel: HostLabelFilters): CountedHosts => ({
  table: Prisma.sql`labeled_hosts AS MATERIALIZED (
      ${hostsWithLabels(organizationId, hostLabel)} AND h."deletedAt" IS NULL
    )`,
  isOfHosts: Prisma.sql`c."hostId" IN (SELECT id FROM labeled_hosts)`,
});

/** Hosts by their ids. PostgreSQL reads the containers host by host if that is faster. */
export const hostsById = (ids: readonly string[]): CountedHosts => ({
  table: Prisma.sql`no_hosts AS (SELECT)`,
  isOfHosts: Prisma.sql`c."hostId" = ANY (${[...ids]}::uuid[])`,
});

/**
 * The platform of a host (`h`), with the names that images use; null if unknown. `os` is the name of the distribution,
 * such as `Debian GNU/Linux 12`.
 */
export const PLATFORM = Prisma.sql`(CASE WHEN h.os ILIKE '%windows%' THEN 'windows/' ELSE 'linux/' END ||
  CASE h.arch WHEN '' THEN NULL WHEN 'x86_64' THEN 'amd64' WHEN 'aarch64' THEN 'arm64' ELSE h.arch END)`;

/**
 * Whether the image ids on a host (`h`) are digests of the images' configurations. With Docker 23 and later, the image
 * ids may be other digests, because these versions can use other image stores.
 */
const HAS_CONFIG_IDS = Prisma.sql`(h.arch <> '' AND
  (h."engineName" = 'Podman' OR (h."engineName" = 'Docker' AND h."engineVersion" ~ '^(1?[0-9]|2[0-2])[.]')))`;

/**
 * Defines two tables. `of_hosts` counts the containers in `rows` by image, build and host. `builds` counts the same
 * containers by image and build. In `builds`, `rank` orders the builds of one image by their numbers of containers.
 */
export const countedBuilds = (rows: Prisma.Sql): Prisma.Sql => Prisma.sql`of_hosts AS MATERIALIZED (
    SELECT r.image, r."imageDigest", r."imageId", r."hostId", count(*)::int AS containers,
      count(*) FILTER (WHERE r.state = 'running')::int AS running
    FROM (${rows}) AS r GROUP BY r.image, r."imageDigest", r."imageId", r."hostId"
  ), of_platforms AS MATERIALIZED (
    SELECT o.image, o."imageDigest", o."imageId", ${PLATFORM} AS platform, h."engineName" = 'Podman' AS "isPodman",
      ${HAS_CONFIG_IDS} AS "hasConfigIds", sum(o.containers)::int AS containers, sum(o.running)::int AS running
    FROM of_hosts AS o JOIN hosts AS h ON h.id = o."hostId"
    GROUP BY 1, 2, 3, 4, 5, 6
  ), builds AS MATERIALIZED (
    SELECT b.*, count(*) OVER (PARTITION BY b.image)::int AS count,
      row_number() OVER (PARTITION BY b.image ORDER BY b.containers DESC, b."imageDigest", b."imageId") AS rank
    FROM (
      SELECT o.image, o."imageDigest", ${IMAGE_ID_WITHOUT_DIGEST} AS "imageId", sum(o.containers)::int AS containers,
        sum(o.running)::int AS running,
        COALESCE((array_agg(DISTINCT o."imageId") FILTER (WHERE o."imageId" IS NOT NULL))[1:${IDS_MAX}::int], '{}') AS "imageIds",
        NOT bool_and(o."isPodman") AND count(DISTINCT o."imageId") <= ${IDS_MAX}::int AS "isTagDigest",
        array_agg(DISTINCT COALESCE(o.platform, '')) AS platforms,
        COALESCE((array_agg(DISTINCT o.platform || ' ' || o."imageId")
          FILTER (WHERE o."hasConfigIds" AND o."imageId" IS NOT NULL))[1:${IDS_MAX}::int], '{}') AS "configIds"
      FROM of_platforms AS o
      GROUP BY o.image, o."imageDigest", ${IMAGE_ID_WITHOUT_DIGEST}
    ) AS b
  )`;

const isSameBuild = Prisma.sql`COALESCE(b."imageDigest", '') = COALESCE(o."imageDigest", '')
  AND COALESCE(b."imageId", '') = COALESCE(o."imageId", '')`;

/** Selects an `ImageRow` for each image in `of_hosts`. `rowsMax` is the maximum number of rows that were read. */
export const countedImages = (rowsMax: number): Prisma.Sql => Prisma.sql`
  SELECT i.*, b.rows, b."rowCount", COALESCE(p.ids, '[]') AS "idsOfOneHost"
  FROM (
    SELECT o.image, count(DISTINCT o."imageId")::int AS "imageIds", count(DISTINCT o."hostId")::int AS hosts,
      sum(o.containers)::int AS containers, sum(o.running)::int AS running,
      sum(o.containers) < ${rowsMax}::int AS "isExact"
    FROM of_hosts AS o GROUP BY o.image
  ) AS i
  JOIN (
    SELECT b.image, max(b.count) AS "rowCount",
      jsonb_agg(to_jsonb(b) - '{image,rank,count}'::text[] || jsonb_build_object('hosts', o.hosts) ORDER BY b.rank) AS rows
    FROM builds AS b
    JOIN (
      SELECT o.image, o."imageDigest", ${IMAGE_ID_WITHOUT_DIGEST} AS "imageId", count(DISTINCT o."hostId") AS hosts
      FROM of_hosts AS o GROUP BY 1, 2, 3
    ) AS o ON o.image = b.image AND ${isSameBuild}
    WHERE b.rank <= ${BUILDS_MAX}::int GROUP BY b.image
  ) AS b ON b.image = i.image
  LEFT JOIN (
    SELECT p.image, jsonb_agg(jsonb_build_array(p.a, p.b)) AS ids
    FROM (
      SELECT p.*, row_number() OVER (PARTITION BY p.image) AS rank
      FROM (
        SELECT DISTINCT o.image, min(o."imageId") AS a, max(o."imageId") AS b FROM of_hosts AS o
        GROUP BY o.image, o."hostId" HAVING min(o."imageId") <> max(o."imageId")
      ) AS p
    ) AS p
    WHERE p.rank <= ${IDS_MAX}::int
    GROUP BY p.image
  ) AS p ON p.image = i.image`;

/** A host of a build. The times are texts, because they are part of a JSON value. */
export interface BuildHostRow {
  imageDigest: string | null;
  imageId: string | null;
  hostId: string;
  hostName: string;
  containers: number;
  running: number;
  lastSeenAt: string | null;
  confirmedAt: string | null;
  engineError: string | null;
  leftAt: string | null;
  heartbeatSeconds: number | null;
}

/** Reads the builds of one image, and the first hosts of each listed build by name. */
export async function readImageBuilds(
  { prisma }: Database,
  organizationId: string,
  image: string,
  countedHosts: CountedHosts,
  rowsMax: number,
): Promise<{ image: ImageRow | undefined; hosts: BuildHostRow[] }> {
  const isImage = Prisma.sql`${IMAGE_BEGINNING} = ${textBeginning(image)} AND c.image = ${image}`;
  const [found] = await prisma.$queryRaw<{ images: ImageRow[]; hosts: BuildHostRow[] }[]>(Prisma.sql`
    WITH ${countedHosts.table},
      ${countedBuilds(containersOfImages(organizationId, countedHosts, isImage, rowsMax))}
    SELECT (SELECT COALESCE(jsonb_agg(to_jsonb(i)), '[]') FROM (${countedImages(rowsMax)}) AS i) AS images,
      (SELECT COALESCE(jsonb_agg(to_jsonb(o) - 'rank' ORDER BY o.rank), '[]') FROM (
        SELECT o.*, h.name AS "hostName", h."lastSeenAt", h."confirmedAt", h."engineError", h."leftAt",
          h."heartbeatSeconds",
          row_number() OVER (PARTITION BY o."imageDigest", o."imageId" ORDER BY h.name COLLATE "C", h.id) AS rank
        FROM (
          SELECT o."imageDigest", ${IMAGE_ID_WITHOUT_DIGEST} AS "imageId", o."hostId",
            sum(o.containers)::int AS containers, sum(o.running)::int AS running
          FROM of_hosts AS o GROUP BY o."imageDigest", ${IMAGE_ID_WITHOUT_DIGEST}, o."hostId"
        ) AS o
        JOIN hosts AS h ON h.id = o."hostId"
      ) AS o
      JOIN builds AS b ON b.rank <= ${BUILDS_MAX}::int AND ${isSameBuild}
      WHERE o.rank <= ${BUILD_HOSTS_MAX}::int) AS hosts`);
  return { image: found!.images[0], hosts: found!.hosts };
}
