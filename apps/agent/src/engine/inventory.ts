import { SNAPSHOT_CONTAINERS_MAX, type Container, type Health } from '@muster/contracts';
import pMap from 'p-map';
import type { Logger } from 'pino';
import { sortByName } from '../lib/sort-by-name.js';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import { createImageDigests } from './image-digests.js';
import { createExitHistory, type ExitHistory } from './exit-history.js';
import {
  dropUnconfirmed,
  isSameEnd,
  isUnconfirmed,
  listedHealth,
  NEW_INVENTORY_ENTRY,
  factsAfterChange,
  UNCONFIRMED_MS_MAX,
  type InventoryEntry,
} from './inventory-entry.js';
import type { RedactionPatterns } from './redact.js';
import { createContainerRedaction } from './redact-containers.js';
import type { ListedContainer } from './shapes.js';
import { minAgeMs } from './status-age.js';
import { NOT_INSPECTED, isCreated, toContainer, toName, type Inspected } from './to-container.js';

/** The result of reading an engine. */
export interface InventoryReading {
  /** The engine's containers. If there are more than a snapshot can hold, only the first by name. */
  containers: Container[];
  /** True if the engine has more containers than a snapshot can hold. */
  isTruncated: boolean;
  /** The ids of all containers in the engine's list. */
  presentIds: ReadonlySet<string>;
}

/**
 * The containers of an engine, read from its list and completed with facts that only an inspection returns. Each
 * container is inspected once, and again if an event or the list shows that these facts may have changed. Each list is
 * checked for such changes, so the facts are correct even if events are missed.
 */
export interface Inventory {
  /**
   * Reads the engine. Throws `EngineError` if the containers cannot be listed, so that an error never makes containers
   * appear removed. For the same reason, a container whose inspection fails is still reported, but without the facts
   * that may be outdated. It is left out only if two further lists lack it.
   */
  read(signal: AbortSignal): Promise<InventoryReading>;
  /**
   * Drops the inspected facts of a container that started or ended. If the container ended, the next reading inspects
   * it, even if an inspection of it has just failed. Only an inspection shows why a container ended.
   */
  invalidate(id: string, hasEnded?: boolean): void;
  /**
   * Records the health that an event reports. Null means that the event does not contain the health, so that the
   * container must be inspected. Returns whether the next reading may differ from the last one.
   */
  recordHealth(id: string, health: Health | null): boolean;
  /** Makes the next reading repeat failed inspections immediately. Call it when the engine is reachable again. */
  retryInspections(): void;
}

/** Maximum number of concurrent inspections. An inspection takes the engine about 2 ms and locks the container. */
const INSPECTIONS_MAX = 4;

/**
 * Maximum number of failed inspections in one reading. After that many failures, the engine, or a proxy in front of it,
 * probably refuses all inspections. The remaining containers then wait for the next reading.
 */
const FAILED_INSPECTIONS_MAX = 20;

/** Wait before the inspection of a container is repeated after a failure, in milliseconds. It doubles each time. */
const RETRY_MS_MIN = 60_000;
const RETRY_MS_MAX = 600_000;

/** After this many failed inspections in succession, the end of a container no longer causes an early inspection. */
const FAILURES_MAX_AT_END = 3;

/** Maximum number of inspections of containers that were never started, in each period of `UNCONFIRMED_MS_MAX`. */
const CREATED_INSPECTIONS_MAX = 200;

/**
 * How long after its creation a container that was never started is inspected more often, in milliseconds. A start
 * usually fails soon after the creation.
 */
const NEW_CONTAINER_MS_MAX = 60_000;
const NEW_CONTAINER_INTERVAL_MS = 5_000;

/**
 * Creates an inventory of the engine that `client` calls. Text that matches the patterns is redacted. `now` returns
 * monotonic time in milliseconds. `exits` decides why containers ended.
 */
export function createInventory(
  client: EngineClient,
  redaction: RedactionPatterns,
  log: Pick<Logger, 'warn'>,
  now: () => number = () => performance.now(),
  exits: Pick<ExitHistory, 'decide' | 'keepOnly' | 'pastEventsRecorded'> = createExitHistory(),
): Inventory {
  // An event replaces the entry of a container. An inspection that is in flight at that time then writes its outdated
  // result to the replaced entry, which is no longer read.
  const entries = new Map<string, InventoryEntry>();
  const imageDigests = createImageDigests(client, now);
  const redactAll = createContainerRedaction(redaction, log);
  let areInspectionsFailing = false;
  let createdWindow = { endsAt: Number.NEGATIVE_INFINITY, left: 0 };

  function replaceEntry(id: string, changes: Partial<InventoryEntry>): void {
    const entry = entries.get(id);
    if (entry !== undefined) entries.set(id, { ...entry, ...changes });
  }

  /** Returns the inspected facts of a listed container, after an inspection if they may be outdated. */
  async function inspect(listed: ListedContainer, reading: Reading, signal: AbortSignal): Promise<Inspected> {
    const known = entries.get(listed.Id);
    const ageMs = minAgeMs(listed.Status) ?? 0;
    // Another state, or a lower age, shows that the container has started or exited since the last list.
    const isSameRun = known !== undefined && known.state === listed.State && known.ageMs <= ageMs;
    const entry: InventoryEntry = isSameRun
      ? known
      : {
          ...(known ?? { ...NEW_INVENTORY_ENTRY, firstListedAt: now() }),
          ...factsAfterChange(known),
          state: listed.State,
        };
    entry.ageMs = ageMs;
    entries.set(listed.Id, entry);
    const isWanted = isCreated(listed)
      ? reading.createdIds.has(listed.Id)
      : entry.inspected === null || isUnconfirmed(entry, entry.inspected, listed, reading.listedAt);
    const current = isWanted ? await update(entry, listed, reading, signal) : entry;
    const health = listedHealth(listed);
    if (current.inspected !== null && health !== null) current.inspected = { ...current.inspected, health };
    if (current.inspected !== null) return current.inspected;
    if (isSameEnd(current, listed, reading.listedAt)) return current.exitInspection;
    return { ...NOT_INSPECTED, ...(current.config === undefined ? {} : { config: current.config }) };
  }

  /**
   * Inspects a container. If the inspection fails, or is postponed after an earlier failure, drops the facts that may
   * be outdated. Returns the entry to use, because an event may have replaced `entry` in the meantime.
   */
  async function update(
    entry: InventoryEntry,
    listed: ListedContainer,
    reading: Reading,
    signal: AbortSignal,
  ): Promise<InventoryEntry> {
    if (now() >= entry.retryAt && reading.failures.size < FAILED_INSPECTIONS_MAX) {
      const beganAt = now();
      const result = await tryInspect(listed.Id, signal);
      if (!('reason' in result)) {
        const changes = {
          inspected: result,
          exitInspection: null,
          config: result.config,
          inspectedAt: beganAt,
          healthAt: beganAt,
        };
        return Object.assign(entry, changes, { isHealthOutdated: false, failures: 0 });
      }
      reading.failures.set(listed.Id, result);
    }
    const latest = entries.get(listed.Id) ?? entry;
    dropUnconfirmed(latest, listed, reading.listedAt);
    return latest;
  }

  /**
   * Inspects a container. Returns the failure if the inspection fails, for example because a proxy refuses it, or
   * because the engine hangs on a stuck container. The other containers are still inspected.
   */
  async function tryInspect(id: string, signal: AbortSignal): Promise<Inspected | InspectionFailure> {
    try {
      const inspected = await client.inspectContainer(id, signal);
      return inspected ?? { reason: 'the engine, or a proxy, answered the inspection with 404', isListOutdated: true };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // For a container that was removed, Podman answers with 404 or with 500.
      return { reason: error.message, isListOutdated: error.failure === 'unreachable' || (error.status ?? 0) >= 500 };
    }
  }

  /**
   * Returns which of these containers were removed after the list was read. A container counts as removed only if two
   * further lists lack it. A failed inspection is not sufficient, because a proxy may have refused it.
   */
  async function findRemoved(ids: string[], signal: AbortSignal): Promise<string[]> {
    let removed = ids;
    for (let lists = 0; lists < 2 && removed.length > 0; lists++) {
      const present = new Set((await client.listContainers(signal)).map(({ Id }) => Id));
      removed = removed.filter((id) => !present.has(id));
    }
    return removed;
  }

  /** Returns the maximum age of an inspection of a created container, in milliseconds. */
  const createdIntervalMs = ({ firstListedAt }: InventoryEntry): number =>
    now() - firstListedAt < NEW_CONTAINER_MS_MAX ? NEW_CONTAINER_INTERVAL_MS : UNCONFIRMED_MS_MAX;

  /**
   * Selects which of the containers that were never started are inspected. They must be inspected repeatedly, because a
   * failed start changes neither the state nor the status, and sends no event. There can be thousands of such
   * containers, so only some are selected, oldest inspection first.
   */
  function selectCreated(listed: readonly ListedContainer[]): ReadonlySet<string> {
    if (now() >= createdWindow.endsAt)
      createdWindow = { endsAt: now() + UNCONFIRMED_MS_MAX, left: CREATED_INSPECTIONS_MAX };
    const due = listed
      .filter(isCreated)
      .map(({ Id }) => ({ Id, entry: entries.get(Id) ?? NEW_INVENTORY_ENTRY }))
      .filter(({ entry }) => entry.inspected === null || now() - entry.inspectedAt > createdIntervalMs(entry))
      .filter(({ entry }) => now() >= entry.retryAt)
      .sort((a, b) => a.entry.inspectedAt - b.entry.inspectedAt)
      .slice(0, createdWindow.left);
    createdWindow.left -= due.length;
    return new Set(due.map(({ Id }) => Id));
  }

  /** Schedules the next inspections after failures, and logs a failure if the last reading had none. */
  function recordFailures(failures: Reading['failures']): void {
    for (const id of failures.keys()) {
      const entry = entries.get(id);
      if (entry !== undefined) entry.retryAt = now() + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** entry.failures++);
    }
    const containers = [...entries.values()].filter((entry) => entry.failures > 0).length;
    if (containers > 0 && !areInspectionsFailing) {
      const [failure] = failures.values();
      const details = { containers, reason: failure?.reason };
      log.warn(details, 'cannot inspect some containers: their start times are missing');
    }
    areInspectionsFailing = containers > 0;
  }

  return {
    async read(signal) {
      const listed = await client.listContainers(signal);
      const presentIds = new Set(listed.map(({ Id }) => Id));
      for (const id of entries.keys()) if (!presentIds.has(id)) entries.delete(id);
      await exits.pastEventsRecorded();
      exits.keepOnly(presentIds);
      const isTruncated = listed.length > SNAPSHOT_CONTAINERS_MAX;
      const reported = isTruncated ? firstByName(listed) : listed;
      const reading: Reading = { listedAt: now(), createdIds: selectCreated(reported), failures: new Map() };
      // The API refuses a snapshot that contains a container twice.
      const byId = new Map<string, Container>();
      await pMap(
        reported,
        async (each) => {
          const inspected = await inspect(each, reading, signal);
          const exit = inspected.run === null ? null : exits.decide(each.Id, inspected.run);
          byId.set(each.Id, toContainer(each, inspected, exit));
        },
        { concurrency: INSPECTIONS_MAX },
      );
      const possiblyRemovedIds = [...reading.failures]
        .filter(([, { isListOutdated }]) => isListOutdated)
        .map(([id]) => id);
      for (const id of await findRemoved(possiblyRemovedIds, signal)) {
        for (const collection of [byId, presentIds, entries, reading.failures]) collection.delete(id);
      }
      recordFailures(reading.failures);
      await imageDigests.addTo([...byId.values()], new Map(reported.map((each) => [each.Id, each])), signal);
      return { containers: await redactAll([...byId.values()]), isTruncated, presentIds };
    },
    invalidate(id, hasEnded = false) {
      const entry = entries.get(id);
      const mayRetry = hasEnded && (entry?.failures ?? 0) < FAILURES_MAX_AT_END;
      replaceEntry(id, { ...factsAfterChange(entry), ...(mayRetry ? { retryAt: 0 } : {}) });
    },
    recordHealth(id, health) {
      const inspected = entries.get(id)?.inspected ?? null;
      if (inspected === null || health === null) {
        replaceEntry(id, { isHealthOutdated: true });
        return true;
      }
      replaceEntry(id, { inspected: { ...inspected, health }, healthAt: now(), isHealthOutdated: false });
      return health !== inspected.health;
    },
    retryInspections() {
      for (const entry of entries.values()) entry.retryAt = 0;
      imageDigests.retry();
    },
  };
}

/** Why an inspection failed. `isListOutdated` is true if the container or the engine may be gone. */
interface InspectionFailure {
  reason: string;
  isListOutdated: boolean;
}

/** One reading of the engine. */
interface Reading {
  /** When the list was received. */
  listedAt: number;
  /** The ids of the containers that were never started and are inspected in this reading. */
  createdIds: ReadonlySet<string>;
  /** The failed inspections, by the container's id. */
  failures: Map<string, InspectionFailure>;
}

const firstByName = (listed: readonly ListedContainer[]): ListedContainer[] =>
  sortByName(listed, toName, ({ Id }) => Id).slice(0, SNAPSHOT_CONTAINERS_MAX);
