/**
 * Renders any result as tables. The keys of the result's objects are the names of the columns, so a key must contain
 * the unit.
 */
import { formatBytes, formatNumber, formatSpread, type Spread, type Table } from '@muster/testkit/report';

type TitledTable = Table & { title: string };
type Row = Record<string, string>;
type Group = Record<string, unknown>;

const isGroup = (value: unknown): value is Group =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('median' in value);

/** Returns the objects in a list or in a map by id. Returns null for any other value. */
function itemsOf(value: unknown): Group[] | null {
  if (Array.isArray(value)) return value.every(isGroup) ? value : null;
  if (!isGroup(value) || !Object.values(value).every(isGroup)) return null;
  return Object.entries(value).map(([id, item]) => ({ id, ...(item as Group) }));
}

function formatCell(path: string, value: string | number | boolean | null | Spread | number[]): string {
  if (value === null) return '–';
  if (Array.isArray(value)) return value.map((each) => formatCell(path, each)).join(', ');
  if (typeof value === 'object') return formatSpread(value);
  if (typeof value !== 'number') return String(value);
  return /bytes(PerSecond)?$/i.test(path) ? formatBytes(value) : formatNumber(value);
}

/**
 * Returns a table with one row for each object. If there is only one object, the table has one row for each figure
 * instead. A list inside the objects becomes a separate table. The first columns of that table are `outer`, the figures
 * of the objects that contain the list.
 */
export function tablesOf(title: string, groups: readonly object[], outer?: readonly Row[]): TitledTable[] {
  const rows = groups.map((_, index): Row => ({ ...outer?.[index] }));
  const lists = new Map<string, { items: Group[]; outer: Row[] }>();
  const add = (group: object, prefix: string, row: Row): void => {
    for (const [key, value] of Object.entries(group) as [string, unknown][]) {
      const path = prefix + key;
      const items = itemsOf(value);
      if (items !== null) {
        const list = lists.get(path) ?? { items: [], outer: [] };
        const preceding = Object.entries(row).filter(([column]) => outer !== undefined && !column.includes('.'));
        list.items.push(...items);
        list.outer.push(...items.map(() => Object.fromEntries(preceding)));
        lists.set(path, list);
      } else if (isGroup(value)) add(value, `${path}.`, row);
      else row[path] = formatCell(path, value as Parameters<typeof formatCell>[1]);
    }
  };
  groups.forEach((group, index) => add(group, '', rows[index]!));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const own =
    rows.length === 1
      ? { title, columns: ['figure', 'value'], rows: Object.entries(rows[0]!) }
      : { title, columns, rows: rows.map((row) => columns.map((column) => row[column] ?? '')) };
  const inner = [...lists].flatMap(([path, list]) => tablesOf(`${title}, ${path}`, list.items, list.outer));
  return groups.length === 0 ? [] : [own, ...inner];
}
