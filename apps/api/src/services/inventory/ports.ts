import type { Page, PortQuery, PublishedPort } from '@muster/contracts';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { containersFreshness, type FreshnessContext, type FreshnessSource } from '../freshness/index.js';
import { scanPorts, positionOfPort, type PortPosition, type PortRow } from './scan-ports.sql.js';

/** Limits of the work for one page of ports. */
export interface PortListLimits {
  /** Maximum number of containers that one statement reads. */
  rowsMax?: number;
  /** Maximum number of statements before a page with at least one item is returned. */
  shortPageSteps?: number;
  /** Maximum number of statements before an empty page is returned. */
  emptyPageSteps?: number;
}

const CURSOR_TYPES = ['string', 'uuid', 'int4', 'string', 'string', 'int4', 'string'] as const;

/**
 * Lists the ports that an organization's present containers publish, ordered by host and port. A page may have fewer
 * than `limit` items, even none, without being the last page. Only a null `nextCursor` marks the end.
 */
export async function listPorts(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  query: PortQuery,
  { rowsMax = 10_000, shortPageSteps = 4, emptyPageSteps = 100 }: PortListLimits = {},
): Promise<Page<PublishedPort>> {
  const context = await freshnessContext();
  const { limit, cursor } = query;
  const rows: PortRow[] = [];
  let position: PortPosition | null = cursor === undefined ? null : decodeCursor(cursor, CURSOR_TYPES);
  for (let step = 1; ; step++) {
    const scanLimits = { limit: limit + 1 - rows.length, rowsMax };
    const { ports, stoppedAt } = await scanPorts(db, organizationId, query, position, scanLimits);
    rows.push(...ports);
    position = rows.length > limit ? positionOfPort(rows[limit - 1]!) : stoppedAt;
    const isEnough = rows.length > limit || step >= (rows.length === 0 ? emptyPageSteps : shortPageSteps);
    if (position === null || isEnough) break;
  }
  const items = rows.slice(0, limit).map((row) => toPublishedPort(row, context));
  return { items, nextCursor: position && encodeCursor(position) };
}

const toPublishedPort = (row: PortRow, context: FreshnessContext): PublishedPort => ({
  publicPort: row.publicPort,
  type: row.type,
  ip: row.ip,
  privatePort: row.privatePort,
  ...(row.count === null ? {} : { count: row.count }),
  hostId: row.hostId,
  hostName: row.hostName,
  hostFreshness: containersFreshness(row, context),
  dockerId: row.dockerId,
  containerName: row.containerName,
  image: row.image,
  state: row.state,
});
