import type { PortQuery } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { HostActivity } from '../freshness/index.js';
import { hasLabels } from './host-labels.sql.js';

export interface PortRow extends HostActivity {
  hostId: string;
  hostName: string;
  publicPort: number;
  type: 'tcp' | 'udp' | 'sctp';
  ip: string | null;
  privatePort: number;
  /** Null means 1. */
  count: number | null;
  dockerId: string;
  containerName: string;
  image: string;
  state: string;
}

/** A position in the order of published ports: by host, then by port. */
export type PortPosition = readonly [
  hostName: string,
  hostId: string,
  publicPort: number,
  type: string,
  ip: string,
  privatePort: number,
  dockerId: string,
];

/** A port number that sorts after every valid one. */
const PORT_NUMBER_END = 65_536;

/** Returns the position after all ports of a host. */
const positionAfterHost = (hostName: string, hostId: string): PortPosition => [
  hostName,
  hostId,
  PORT_NUMBER_END,
  '',
  '',
  0,
  '',
];

export const positionOfPort = ({ hostName, hostId, ip, ...row }: PortRow): PortPosition =>
  [hostName, hostId, row.publicPort, row.type, ip ?? '', row.privatePort, row.dockerId] as const;

/** Maximum number of hosts per statement. */
const HOSTS_MAX = 2_000;

/**
 * Reads the containers of hosts in the order of the hosts' names, up to about `rowsMax` containers, and returns the
 * first `limit` requested ports. Ports are not indexed, because a restart removes and restores them (ADR 6).
 */
export async function scanPorts(
  { prisma }: Database,
  organizationId: string,
  { port, type, hostId, hostLabel }: Pick<PortQuery, 'port' | 'type' | 'hostId' | 'hostLabel'>,
  after: PortPosition | null,
  { limit, rowsMax }: { limit: number; rowsMax: number },
): Promise<{ ports: PortRow[]; stoppedAt: PortPosition | null }> {
  const hostConditions = [Prisma.sql`h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`];
  if (hostLabel) hostConditions.push(hasLabels(hostLabel));
  if (hostId) hostConditions.push(Prisma.sql`h.id = ANY (${hostId}::uuid[])`);
  const portConditions = [Prisma.sql`p."publicPort" IS NOT NULL`];
  if (port) {
    portConditions.push(Prisma.sql`EXISTS (
      SELECT FROM unnest(${port}::int[]) AS requested (port)
      WHERE requested.port BETWEEN p."publicPort" AND p."publicPort" + COALESCE(p.count, 1) - 1)`);
  }
  if (type) portConditions.push(Prisma.sql`p.type = ANY (${type}::text[])`);
  if (after) {
    const [hostName, afterHostId, ...rest] = after;
    const from = rest[0] === PORT_NUMBER_END ? Prisma.sql`>` : Prisma.sql`>=`;
    hostConditions.push(Prisma.sql`(h.name, h.id) ${from} (${hostName}, ${afterHostId}::uuid)`);
    portConditions.push(Prisma.sql`
      ((g."hostName", g."hostId") > (${hostName}, ${afterHostId}::uuid)
        OR (p."publicPort", p.type, COALESCE(p.ip, ''), p."privatePort", c."dockerId")
          > (${rest[0]}::int, ${rest[1]}, ${rest[2]}, ${rest[3]}::int, ${rest[4]}))`);
  }
  // This condition is checked before a container's ports are expanded, because expanding costs more.
  const mayMatch = port
    ? Prisma.join(
        [
          ...port.map((one) => Prisma.sql`c.ports @> jsonb_build_array(jsonb_build_object('publicPort', ${one}::int))`),
          Prisma.sql`jsonb_path_exists(c.ports, '$[*].count')`,
        ],
        ' OR ',
      )
    : Prisma.sql`c.ports <> '[]'`;
  const rows = await prisma.$queryRaw<(Nullable<PortRow> & { stoppedAt: [string, string] | null })[]>(Prisma.sql`
    WITH numbered AS MATERIALIZED (
      SELECT *, row_number() OVER () AS number, sum("containerCount" + 1) OVER (ROWS UNBOUNDED PRECEDING) AS cost
      FROM (
        SELECT h.id AS "hostId", h.name AS "hostName", h."containerCount", h."lastSeenAt", h."confirmedAt",
          h."engineError", h."leftAt", h."heartbeatSeconds"
        FROM hosts AS h WHERE ${Prisma.join(hostConditions, ' AND ')} ORDER BY h.name, h.id LIMIT ${HOSTS_MAX}::int
      ) AS ordered
    ), scanned AS MATERIALIZED (
      SELECT * FROM numbered WHERE number = 1 OR cost <= ${rowsMax}::int
    ), page AS MATERIALIZED (
      SELECT g.number, g."hostId"::text AS "hostId", g."hostName", g."lastSeenAt", g."confirmedAt", g."engineError",
        g."leftAt", g."heartbeatSeconds",
        p."publicPort", p.type, p.ip, p."privatePort", p.count, c."dockerId", c.name AS "containerName", c.image, c.state
      FROM scanned AS g
      CROSS JOIN LATERAL (
        SELECT c."dockerId", c.name, c.image, c.state, c.ports FROM containers AS c
        WHERE c."hostId" = g."hostId" AND c."removedAt" IS NULL AND (${mayMatch}) OFFSET 0
      ) AS c
      CROSS JOIN LATERAL jsonb_to_recordset(c.ports) AS p ("publicPort" int, type text, ip text, "privatePort" int, count int)
      WHERE ${Prisma.join(portConditions, ' AND ')}
      ORDER BY g.number, p."publicPort", p.type, COALESCE(p.ip, ''), p."privatePort", c."dockerId"
      LIMIT ${limit}::int
    )
    SELECT page.*, ended."stoppedAt"
    FROM (SELECT CASE WHEN (SELECT count(*) FROM page) < ${limit}::int THEN (
        SELECT ARRAY[g."hostName", g."hostId"::text] FROM scanned AS g
        WHERE number = (SELECT count(*) FROM scanned)
          AND (number < (SELECT count(*) FROM numbered) OR number = ${HOSTS_MAX}::int)
      ) END AS "stoppedAt") AS ended
    LEFT JOIN page ON TRUE
    ORDER BY page.number, page."publicPort", page.type, COALESCE(page.ip, ''), page."privatePort", page."dockerId"`);
  const stoppedAt = rows[0]?.stoppedAt ?? null;
  return { ports: rows.filter(isPort), stoppedAt: stoppedAt && positionAfterHost(stoppedAt[0], stoppedAt[1]) };
}

type Nullable<Row> = { [Column in keyof Row]: Row[Column] | null };

/**
 * Returns true if a row contains a port. A page without ports still has one row. The port columns of this row are null,
 * and the row contains the position where the scan ended.
 */
const isPort = <Beside>(row: Nullable<PortRow> & Beside): row is PortRow & Beside => row.hostId !== null;
