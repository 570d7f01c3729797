import type { Page, PortQuery, PublishedPort } from '@muster/contracts';
import type { Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { containersFreshness, type FreshnessContext } from '../freshness/freshness.js';
import type { OperatorIdentity } from '../accounts/operator-identity.js';
import { listPorts, placeOfPort, type PortPlace, type PortRow } from './list-ports.sql.js';
import type { ReadFreshnessContext } from '../freshness/freshness-context.js';

export interface PortReader {
  /**
   * The ports that an organization's present containers publish, by host and port. A page may hold fewer than `limit`,
   * even none, although there is more: only without a cursor is it the last.
   */
  list(operator: OperatorIdentity, query: PortQuery): Promise<Page<PublishedPort>>;
}

/** What one page may cost. */
export interface PortReaderOptions {
  /** Containers that one statement reads. */
  rowsMax?: number;
  /** Statements for a page that has something to show, and for one that would show nothing. */
  shortPageSteps?: number;
  emptyPageSteps?: number;
}

export function createPortReader(
  db: Database,
  freshnessContext: ReadFreshnessContext,
  { rowsMax = 10_000, shortPageSteps = 4, emptyPageSteps = 100 }: PortReaderOptions = {},
): PortReader {
  return {
    async list({ organizationId }, query) {
      const context = await freshnessContext();
      const { limit, cursor } = query;
      const rows: PortRow[] = [];
      let place: PortPlace | null = cursor === undefined ? null : decodeCursor(cursor, PLACE);
      for (let step = 1; ; step++) {
        const asked = { limit: limit + 1 - rows.length, rowsMax };
        const { ports, stoppedAt } = await listPorts(db, organizationId, query, place, asked);
        rows.push(...ports);
        place = rows.length > limit ? placeOfPort(rows[limit - 1]!) : stoppedAt;
        const isEnough = rows.length > limit || step >= (rows.length === 0 ? emptyPageSteps : shortPageSteps);
        if (place === null || isEnough) break;
      }
      const items = rows.slice(0, limit).map((row) => toView(row, context));
      return { items, nextCursor: place && encodeCursor(place) };
    },
  };
}

const PLACE = ['string', 'uuid', 'int4', 'string', 'string', 'int4', 'string'] as const;

const toView = (row: PortRow, context: FreshnessContext): PublishedPort => ({
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
