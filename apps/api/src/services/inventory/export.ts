import {
  portRange,
  toCsvLine,
  type ContainerEvent,
  type ContainerExportQuery,
  type ContainerView,
  type EventExportQuery,
  type Page,
  type Port,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import type { OperatorIdentity } from '../identity/index.js';
import type { ContainerReader } from './container-reader.js';
import { listEvents } from './events.js';

/** Rows per page: the part of an export that is in memory at once. */
const PAGE_ROWS = 500;

type Cell = string | number | null;
type Columns<Item> = Readonly<Record<string, (item: Item) => Cell>>;

/**
 * Yields all containers that match the filters as text, one page at a time and only as fast as it is consumed. A
 * container that does not change during the export is returned once; one that changes is returned in its old or in its
 * new form.
 */
export function exportContainers(
  containers: Pick<ContainerReader, 'list'>,
  operator: OperatorIdentity,
  { format, ...filters }: ContainerExportQuery,
): AsyncGenerator<string> {
  // Sort by a value that never changes, so that no container moves across the cursor.
  const sort = { key: 'firstSeenAt', descending: false } as const;
  const query = { ...filters, sort, count: false, limit: PAGE_ROWS };
  return write((cursor) => containers.list(operator, { ...query, cursor }), CONTAINER_COLUMNS, format);
}

/** Yields all events that match the filters, like `exportContainers`. */
export function exportEvents(
  db: Database,
  organizationId: string,
  { format, ...filters }: EventExportQuery,
): AsyncGenerator<string> {
  const query = { ...filters, limit: PAGE_ROWS };
  return write((cursor) => listEvents(db, organizationId, { ...query, cursor }), EVENT_COLUMNS, format);
}

async function* write<Item>(
  read: (cursor: string | undefined) => Promise<Page<Item>>,
  columns: Columns<Item>,
  format: 'csv' | 'ndjson',
): AsyncGenerator<string> {
  const cells = Object.values(columns);
  const line =
    format === 'csv'
      ? (item: Item) => toCsvLine(cells.map((cell) => cell(item)))
      : (item: Item) => `${JSON.stringify(item)}\n`;
  if (format === 'csv') yield toCsvLine(Object.keys(columns));
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    if (page.items.length > 0) yield page.items.map(line).join('');
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

const CONTAINER_COLUMNS: Columns<ContainerView> = {
  host: ({ hostName }) => hostName,
  hostId: ({ hostId }) => hostId,
  hostFreshness: ({ hostFreshness }) => hostFreshness,
  asOf: ({ asOf }) => asOf,
  dockerId: ({ dockerId }) => dockerId,
  name: ({ name }) => name,
  image: ({ image }) => image,
  imageId: ({ imageId }) => imageId,
  command: ({ command }) => command,
  state: ({ state }) => state,
  status: ({ status }) => status,
  health: ({ health }) => health,
  exitCode: ({ exitCode }) => exitCode,
  uptimeSeconds: ({ uptimeSeconds }) => uptimeSeconds,
  ports: ({ ports }) => ports.map(portText).join(' '),
  labels: ({ labels }) => JSON.stringify(labels),
  startedAt: ({ startedAt }) => startedAt,
  firstSeenAt: ({ firstSeenAt }) => firstSeenAt,
  changedAt: ({ changedAt }) => changedAt,
  removedAt: ({ removedAt }) => removedAt,
};

const EVENT_COLUMNS: Columns<ContainerEvent> = {
  id: ({ id }) => id,
  recordedAt: ({ recordedAt }) => recordedAt,
  observedAt: ({ observedAt }) => observedAt,
  host: ({ hostName }) => hostName,
  hostId: ({ hostId }) => hostId,
  dockerId: ({ dockerId }) => dockerId,
  name: ({ name }) => name,
  kind: ({ kind }) => kind,
  from: ({ from }) => valueText(from),
  to: ({ to }) => valueText(to),
  exitCode: ({ exitCode }) => exitCode,
};

/** Formats a port like `docker ps`. */
function portText({ ip, publicPort, privatePort, type, count }: Port): string {
  if (publicPort === undefined) return `${portRange(privatePort, count)}/${type}`;
  const address = ip === undefined ? '' : `${ip.includes(':') ? `[${ip}]` : ip}:`;
  return `${address}${portRange(publicPort, count)}->${portRange(privatePort, count)}/${type}`;
}

const valueText = (value: ContainerEvent['from']): string | null =>
  typeof value === 'string' || value === null ? value : JSON.stringify(value);
