import {
  CONTAINER_FIELDS,
  fieldsWith,
  portRange,
  toCsvLine,
  type ContainerEvent,
  type ContainerExportQuery,
  type ContainerView,
  type EventExportQuery,
  type FieldKind,
  type FieldsWith,
  type FieldValues,
  type HostEvent,
  type Page,
  type Port,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import type { OperatorIdentity } from '../identity/index.js';
import type { ContainerReader } from './container-reader.js';
import { listEvents } from './events.js';
import { listHostEvents } from './host-events.js';

/** Rows per page. One page of an export is in memory at a time. */
const PAGE_ROWS = 500;

type Cell = string | number | null;
type Columns<Item> = Readonly<Record<string, (item: Item) => Cell>>;

/**
 * Yields the text of a file with all containers that match the filters, one page at a time and only as fast as the text
 * is consumed. A container that does not change during the export is included once. A container that changes is
 * included in its old or its new form.
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

/** Yields the text of a file with all events that match the filters, like `exportContainers`. */
export function exportEvents(
  db: Database,
  organizationId: string,
  { format, ...filters }: EventExportQuery,
): AsyncGenerator<string> {
  const query = { ...filters, limit: PAGE_ROWS };
  return query.subject === 'host'
    ? write((cursor) => listHostEvents(db, organizationId, { ...query, cursor }), HOST_EVENT_COLUMNS, format)
    : write((cursor) => listEvents(db, organizationId, { ...query, cursor }), EVENT_COLUMNS, format);
}

async function* write<Item>(
  read: (cursor: string | undefined) => Promise<Page<Item>>,
  columns: Columns<Item>,
  format: 'csv' | 'ndjson',
): AsyncGenerator<string> {
  const toCells = Object.values(columns);
  const line =
    format === 'csv'
      ? (item: Item) => toCsvLine(toCells.map((toCell) => toCell(item)))
      : (item: Item) => `${JSON.stringify(item)}\n`;
  if (format === 'csv') yield toCsvLine(Object.keys(columns));
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    if (page.items.length > 0) yield page.items.map(line).join('');
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** For each kind of field, the function that converts a value to a cell. */
const CELL_FORMATTERS: { [Kind in Exclude<FieldKind, 'exit'>]: (value: FieldValues[Kind]) => Cell } = {
  text: (text) => text,
  instant: (instant) => instant,
  ports: (ports) => ports.map(portText).join(' '),
  labels: (labels) => JSON.stringify(labels),
  names: (names = []) => names.join(' '),
  optionalText: (text) => text ?? null,
  flag: (flag) => (typeof flag === 'boolean' ? String(flag) : null),
  count: (count) => count ?? null,
};

const FIELD_COLUMNS = Object.fromEntries(
  fieldsWith('exported', true).map((name) => {
    const toCell = CELL_FORMATTERS[CONTAINER_FIELDS[name].kind] as (value: unknown) => Cell;
    return [name, (view: ContainerView) => toCell(view[name])];
  }),
) as Record<FieldsWith<'exported', true>, (view: ContainerView) => Cell>;

const ALL_COLUMNS = {
  host: ({ hostName }: ContainerView) => hostName,
  hostId: ({ hostId }: ContainerView) => hostId,
  hostFreshness: ({ hostFreshness }: ContainerView) => hostFreshness,
  asOf: ({ asOf }: ContainerView) => asOf,
  health: ({ health }: ContainerView) => health,
  exitCode: ({ exitCode }: ContainerView) => exitCode,
  exitReason: ({ exit }: ContainerView) => exit?.reason ?? null,
  exitError: ({ exit }: ContainerView) => exit?.error ?? null,
  finishedAt: ({ exit }: ContainerView) => exit?.finishedAt ?? null,
  uptimeSeconds: ({ uptimeSeconds }: ContainerView) => uptimeSeconds,
  firstSeenAt: ({ firstSeenAt }: ContainerView) => firstSeenAt,
  changedAt: ({ changedAt }: ContainerView) => changedAt,
  removedAt: ({ removedAt }: ContainerView) => removedAt,
  ...FIELD_COLUMNS,
  workloadKind: ({ workload }: ContainerView) => workload.kind,
  project: ({ workload }: ContainerView) => workload.project,
  service: ({ workload }: ContainerView) => workload.service,
  instance: ({ workload }: ContainerView) => workload.instance,
  isInfra: ({ isInfra }: ContainerView) => String(isInfra),
};
type ColumnName = keyof typeof ALL_COLUMNS;

/** The columns of the first release. Programs may read columns by position, so columns added later come after these. */
const FIRST_RELEASE_COLUMNS: readonly ColumnName[] = [
  ...(['host', 'hostId', 'hostFreshness', 'asOf', 'dockerId', 'name', 'image', 'imageId', 'command'] as const),
  ...(['state', 'status', 'health', 'exitCode', 'uptimeSeconds', 'ports', 'labels', 'startedAt'] as const),
  ...(['firstSeenAt', 'changedAt', 'removedAt'] as const),
];

const CONTAINER_COLUMNS: Columns<ContainerView> = Object.fromEntries(
  [...new Set([...FIRST_RELEASE_COLUMNS, ...(Object.keys(ALL_COLUMNS) as ColumnName[])])].map((name) => [
    name,
    ALL_COLUMNS[name],
  ]),
);

const HOST_EVENT_COLUMNS: Columns<HostEvent> = {
  id: ({ id }) => id,
  at: ({ at }) => at,
  recordedAt: ({ recordedAt }) => recordedAt,
  host: ({ hostName }) => hostName,
  hostId: ({ hostId }) => hostId,
  kind: ({ kind }) => kind,
  from: ({ from }) => valueText(from),
  to: ({ to }) => valueText(to),
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
  exitReason: ({ exitReason }) => exitReason,
  workloadKind: ({ workload }) => workload?.kind ?? null,
  project: ({ workload }) => workload?.project ?? null,
  service: ({ workload }) => workload?.service ?? null,
  instance: ({ workload }) => workload?.instance ?? null,
  exitCount: ({ kind, exits }) => exits?.count ?? (kind === 'exited' ? 1 : null),
  firstExitAt: ({ exits }) => exits?.first ?? null,
  lastExitAt: ({ exits }) => exits?.last ?? null,
  exitCodes: ({ exits }) =>
    exits?.codes.map(({ code, reason, count }) => `${code ?? reason}*${count}`).join(' ') ?? null,
};

/** Formats a port like `docker ps`. */
function portText({ ip, publicPort, privatePort, type, count }: Port): string {
  if (publicPort === undefined) return `${portRange(privatePort, count)}/${type}`;
  const address = ip === undefined ? '' : `${ip.includes(':') ? `[${ip}]` : ip}:`;
  return `${address}${portRange(publicPort, count)}->${portRange(privatePort, count)}/${type}`;
}

const valueText = (value: ContainerEvent['from']): string | null =>
  typeof value === 'string' || value === null ? value : JSON.stringify(value);
