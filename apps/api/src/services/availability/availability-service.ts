import {
  AVAILABILITY_SEGMENTS_MAX,
  AVAILABILITY_WINDOW_HOURS,
  FACET_VALUES_MAX,
  type AvailabilityGroups,
  type AvailabilityGroupsQuery,
  type AvailabilityItem,
  type AvailabilityItemPage,
  type AvailabilityQuery,
  type AvailabilityWindow,
  type HostAvailability,
} from '@muster/contracts';
import { NotFoundError } from '../../errors.js';
import { decodeCursor, encodeCursor, formatSort, requireSameSort } from '../../lib/cursor.js';
import { shareReads } from '../../lib/share-reads.js';
import { createYielder } from '../../lib/yielder.js';
import type { FreshnessContext, FreshnessSource } from '../freshness/index.js';
import {
  addDurations,
  coalesce,
  hostPeriods,
  noDurations,
  durationsOf,
  toAvailability,
  type Period,
  type StateDurations,
  type Window,
  withOutages,
} from './availability.js';
import type { Outages } from './outages.js';
import { readEvents } from './read-events.sql.js';
import { readHosts, type AvailabilityHost, type HostSelection, type NamePosition } from './read-hosts.sql.js';
import { readOutages } from './read-outages.sql.js';

/** Maximum number of hosts whose periods are computed together. */
const BATCH_HOSTS = 500;

export interface AvailabilityService {
  /**
   * Returns the availability of one host.
   * @throws NotFoundError if the organization has no such host.
   */
  ofHost(organizationId: string, hostId: string, window: AvailabilityWindow): Promise<HostAvailability>;

  /**
   * Lists hosts with their availability. If the list is sorted by ratio, the availability of all hosts is computed for
   * each page.
   */
  list(organizationId: string, query: AvailabilityQuery): Promise<AvailabilityItemPage>;

  /** Returns the availability of groups of hosts. */
  groups(organizationId: string, query: AvailabilityGroupsQuery): Promise<AvailabilityGroups>;
}

/** The inputs that the availability of every host depends on. */
interface WindowInputs {
  context: FreshnessContext;
  window: Window;
  outages: Outages;
}

export function createAvailabilityService(
  { db, freshnessContext }: FreshnessSource,
  { eventDays }: { eventDays: number },
): AvailabilityService {
  /** Reads the inputs for the window that ends at `to`; by default, the window ends now. */
  async function readInputs(window: AvailabilityWindow, to?: Date): Promise<WindowInputs> {
    const context = await freshnessContext();
    const end = to ?? context.now;
    const from = new Date(end.getTime() - AVAILABILITY_WINDOW_HOURS[window] * 3_600_000);
    const { outages, completeFrom } = await readOutages(db, from, context);
    const keptFrom = eventDays === 0 ? -Infinity : context.now.getTime() - eventDays * 86_400_000;
    // Events that `eventDays` would keep may already have been deleted: `eventDays` may have been lower earlier, or may
    // be lower in another process.
    const retention = await db.prisma.retentionStep.findUnique({ where: { step: 'host_events' } });
    const deletedBefore = retention?.deletedBefore?.getTime() ?? -Infinity;
    return {
      context,
      outages,
      window: {
        from: from.getTime(),
        to: end.getTime(),
        historyFrom: Math.max(completeFrom, keptFrom, deletedBefore),
      },
    };
  }

  /** Returns the periods of each host, in any order, and yields to the event loop between hosts. */
  async function* periodsOf(
    hosts: readonly AvailabilityHost[],
    { window }: WindowInputs,
  ): AsyncGenerator<[AvailabilityHost, Period[]]> {
    const yielder = createYielder();
    const byId = new Map(hosts.map((host) => [host.id, host]));
    for await (const { hostId, events } of readEvents(db, [...byId.keys()], new Date(window.from))) {
      const host = byId.get(hostId)!;
      byId.delete(hostId);
      yield [host, hostPeriods(window, host, events)];
      if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    }
    for (const host of byId.values()) {
      yield [host, hostPeriods(window, host, [])];
      if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    }
  }

  /** Yields each selected host with the time that the host spent in each state, in any order. */
  async function* allDurations(
    organizationId: string,
    selection: HostSelection,
    inputs: WindowInputs,
  ): AsyncGenerator<[AvailabilityHost, StateDurations]> {
    let after: NamePosition | null = null;
    for (;;) {
      const hosts: AvailabilityHost[] = await readHosts(db, organizationId, selection, inputs.context, {
        after,
        limit: BATCH_HOSTS,
      });
      for await (const [host, periods] of periodsOf(hosts, inputs)) yield [host, durationsOf(periods, inputs.outages)];
      const last = hosts.at(-1);
      if (last === undefined || hosts.length < BATCH_HOSTS) return;
      after = [last.name, last.id];
    }
  }

  async function listByName(organizationId: string, query: AvailabilityQuery): Promise<AvailabilityItemPage> {
    const { sort, limit } = query;
    const cursor =
      query.cursor === undefined ? null : decodeCursor(query.cursor, ['string', 'instant', 'string', 'uuid']);
    if (cursor) requireSameSort(cursor[0], sort);
    const inputs = await readInputs(query.window, cursor ? new Date(cursor[1]) : undefined);
    const after: NamePosition | null = cursor && [cursor[2], cursor[3]];
    const { descending } = sort;
    const found = await readHosts(db, organizationId, query, inputs.context, { after, descending, limit: limit + 1 });
    const hosts = found.slice(0, limit);
    const items = new Map<string, AvailabilityItem>();
    for await (const [host, periods] of periodsOf(hosts, inputs)) {
      items.set(host.id, toItem(host, durationsOf(periods, inputs.outages)));
    }
    const last = found.length > limit ? hosts.at(-1) : undefined;
    return {
      ...periodOf(query.window, inputs),
      items: hosts.map(({ id }) => items.get(id)!),
      nextCursor: last ? encodeCursor([formatSort(sort), isoOf(inputs.window.to), last.name, last.id]) : null,
    };
  }

  async function listByRatio(organizationId: string, query: AvailabilityQuery): Promise<AvailabilityItemPage> {
    const { sort, limit } = query;
    const cursor =
      query.cursor === undefined ? null : decodeCursor(query.cursor, ['string', 'instant', 'string', 'string', 'uuid']);
    if (cursor) requireSameSort(cursor[0], sort);
    const inputs = await readInputs(query.window, cursor ? new Date(cursor[1]) : undefined);
    const compare = byRatio(sort.descending);
    const place = cursor && { ratio: parseRatio(cursor[2]), hostName: cursor[3], hostId: cursor[4] };
    const first: AvailabilityItem[] = [];
    const keepFirst = (): void => {
      first.sort(compare).splice(limit + 1);
    };
    for await (const [host, durations] of allDurations(organizationId, query, inputs)) {
      const item = toItem(host, durations);
      if (place !== null && compare(item, place) <= 0) continue;
      first.push(item);
      // Only the first items of the order are kept. The list is sorted and truncated each time it has grown by about
      // `BATCH_HOSTS` items.
      if (first.length >= limit + BATCH_HOSTS) keepFirst();
    }
    keepFirst();
    const items = first.slice(0, limit);
    const last = first.length > limit ? items.at(-1) : undefined;
    return {
      ...periodOf(query.window, inputs),
      items,
      nextCursor: last
        ? encodeCursor([formatSort(sort), isoOf(inputs.window.to), String(last.ratio), last.hostName, last.hostId])
        : null,
    };
  }

  async function groupsOf(organizationId: string, query: AvailabilityGroupsQuery): Promise<AvailabilityGroups> {
    const inputs = await readInputs(query.window);
    const total = { hosts: 0, durations: noDurations() };
    const groups = new Map<string | null, { hosts: number; durations: StateDurations }>();
    for await (const [{ label }, durations] of allDurations(organizationId, query, inputs)) {
      const group = groups.get(label) ?? { hosts: 0, durations: noDurations() };
      groups.set(label, group);
      for (const each of [total, group]) {
        each.hosts += 1;
        addDurations(each.durations, durations);
      }
    }
    const sorted = [...groups]
      .map(([value, { hosts, durations }]) => ({ value, hosts, ...toAvailability(durations) }))
      .sort((a, b) => compareRatios(a.ratio, b.ratio, false) || compareTexts(a.value ?? '', b.value ?? ''));
    return {
      ...periodOf(query.window, inputs),
      total: { hosts: total.hosts, ...toAvailability(total.durations) },
      groups: sorted.slice(0, FACET_VALUES_MAX),
      hasMore: sorted.length > FACET_VALUES_MAX,
    };
  }

  // Concurrent calls with equal arguments share one read of all hosts.
  const listByRatioShared = shareReads(listByRatio);
  const groupsShared = shareReads(groupsOf);

  return {
    async ofHost(organizationId, hostId, window) {
      const inputs = await readInputs(window);
      const hosts = await readHosts(db, organizationId, { hostId: [hostId] }, inputs.context, {
        after: null,
        limit: 1,
      });
      const found: [AvailabilityHost, Period[]][] = [];
      for await (const each of periodsOf(hosts, inputs)) found.push(each);
      const [first] = found;
      if (first === undefined) throw new NotFoundError('host');
      const [host, periods] = first;
      const parts = withOutages(periods, inputs.outages);
      const segments = coalesce(parts, AVAILABILITY_SEGMENTS_MAX);
      return {
        ...periodOf(window, inputs),
        hostId: host.id,
        ...toAvailability(durationsOf(periods, inputs.outages)),
        segments: segments.map(({ from, to, state, reason }) => ({
          from: isoOf(from),
          to: isoOf(to),
          state,
          reason,
        })),
        isExact: parts.length <= AVAILABILITY_SEGMENTS_MAX,
      };
    },

    list: (organizationId, query) =>
      query.sort.key === 'name' ? listByName(organizationId, query) : listByRatioShared(organizationId, query),

    groups: (organizationId, query) => groupsShared(organizationId, query),
  };
}

const isoOf = (ms: number): string => new Date(ms).toISOString();

const periodOf = (window: AvailabilityWindow, { window: { from, to } }: WindowInputs) => ({
  window,
  from: isoOf(from),
  to: isoOf(to),
});

const toItem = ({ id, name, freshness }: AvailabilityHost, durations: StateDurations): AvailabilityItem => ({
  hostId: id,
  hostName: name,
  freshness,
  ...toAvailability(durations),
});

const parseRatio = (text: string): number | null => (text === 'null' ? null : Number(text));

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Compares two ratios. A missing ratio is last in both directions. */
function compareRatios(a: number | null, b: number | null, descending: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return descending ? b - a : a - b;
}

type RatioPlace = Pick<AvailabilityItem, 'ratio' | 'hostName' | 'hostId'>;

/** Orders hosts by ratio, and then by name and id. */
const byRatio =
  (descending: boolean) =>
  (a: RatioPlace, b: RatioPlace): number =>
    compareRatios(a.ratio, b.ratio, descending) ||
    compareTexts(a.hostName, b.hostName) ||
    compareTexts(a.hostId, b.hostId);
