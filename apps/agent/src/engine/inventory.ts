import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { SNAPSHOT_CONTAINERS_MAX, fitContainer, type Container } from '@muster/contracts';
import pMap from 'p-map';
import type { Logger } from 'pino';
import { sortByName } from '../lib/sort-by-name.js';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import { createRedactor, type RedactionPatterns } from './redact.js';
import type { ListedContainer } from './shapes.js';
import { NOT_INSPECTED, toContainer, toName, type Inspected } from './to-container.js';

/** The result of reading an engine. */
export interface InventoryReading {
  /** The engine's containers. If there are more than a snapshot can hold, these are the first by name. */
  containers: Container[];
  /** True if the engine has more containers than a snapshot can hold. */
  isTruncated: boolean;
  /** The ids of all containers in the engine's list. */
  presentIds: ReadonlySet<string>;
}

/**
 * The containers of an engine, read from its list and completed with facts that only an inspection returns. While
 * events are received (`setWatched`), each container is inspected once, and again when it starts or its health changes.
 * Without events, a start could go unnoticed, so each container is inspected at each reading.
 */
export interface Inventory {
  /**
   * Reads the engine. Throws `EngineError` if the containers cannot be listed, so that they are never reported as
   * absent because of an error.
   */
  read(signal: AbortSignal): Promise<InventoryReading>;
  /** Drops the stored inspection of a container, because it started or its health changed. */
  invalidate(id: string): void;
  /**
   * Sets whether all of the engine's events are received. If the value changes, all stored inspections are dropped,
   * because events may have been missed.
   */
  setWatched(isWatched: boolean): void;
}

/** Maximum number of concurrent inspections. An inspection takes the engine about 2 ms and locks the container. */
const INSPECTIONS_MAX = 4;

/** Longest time, in milliseconds, for which the search for secrets blocks heartbeats and events. */
const YIELD_INTERVAL_MS = 20;

interface Entry {
  /** The result of the last successful inspection; null until one succeeds. */
  inspected: Inspected | null;
}

/** Creates an inventory of the engine that `client` calls. Text that matches the patterns is redacted. */
export function createInventory(
  client: EngineClient,
  redaction: RedactionPatterns,
  log: Pick<Logger, 'warn'>,
): Inventory {
  // `invalidate` removes the entry of a container. An inspection that is in flight then writes its outdated result to
  // the removed entry, which is no longer used.
  let entries = new Map<string, Entry>();
  let watched = false;
  let isRedactionLimited = false;

  async function inspect(listed: ListedContainer, signal: AbortSignal): Promise<Container | null> {
    // A container that never started has no facts to inspect, and there can be thousands of such containers.
    if (listed.State === 'created') return toContainer(listed, NOT_INSPECTED);
    let entry = entries.get(listed.Id);
    if (entry === undefined) entries.set(listed.Id, (entry = { inspected: null }));
    if (entry.inspected === null || !watched) {
      const inspection = await tryInspect(listed.Id, signal);
      if (inspection === 'gone') return null;
      entry.inspected = inspection ?? entry.inspected;
    }
    return toContainer(listed, entry.inspected ?? NOT_INSPECTED);
  }

  /**
   * Returns `gone` if the container was removed after the list was read. Returns null if only this inspection fails,
   * for example because the engine hangs on a stuck container. The other containers are then still reported. Throws if
   * the connection is lost, because the list is then outdated.
   */
  async function tryInspect(id: string, signal: AbortSignal): Promise<Inspected | 'gone' | null> {
    try {
      return (await client.inspectContainer(id, signal)) ?? 'gone';
    } catch (error) {
      if (error instanceof EngineError && error.failure !== 'unreachable') return null;
      throw error;
    }
  }

  /**
   * Redacts and shortens containers in the order of their ids, so that equal states give equal results even if a limit
   * is reached.
   */
  async function redactAll(containers: Container[]): Promise<Container[]> {
    const redactor = createRedactor(redaction);
    const redacted: Container[] = [];
    let yieldedAt = performance.now();
    for (const container of containers.sort((a, b) => (a.dockerId < b.dockerId ? -1 : 1))) {
      redacted.push(truncateFields(redactor.redact(container)));
      if (performance.now() - yieldedAt < YIELD_INTERVAL_MS) continue;
      await yieldToEventLoop();
      yieldedAt = performance.now();
    }
    const texts = redactor.withheldCount();
    const isNewlyLimited = texts > 0 && !isRedactionLimited;
    isRedactionLimited = texts > 0;
    if (isNewlyLimited) log.warn({ texts }, 'too much text to search for secrets: the rest is sent as [redacted]');
    return redacted;
  }

  return {
    async read(signal) {
      const listed = await client.listContainers(signal);
      const presentIds = new Set(listed.map(({ Id }) => Id));
      for (const id of entries.keys()) if (!presentIds.has(id)) entries.delete(id);
      const isTruncated = listed.length > SNAPSHOT_CONTAINERS_MAX;
      const reported = isTruncated ? firstByName(listed) : listed;
      const containers = await pMap(reported, (each) => inspect(each, signal), { concurrency: INSPECTIONS_MAX });
      // The API refuses a snapshot that contains a container twice.
      const byId = new Map<string, Container>();
      for (const container of containers) if (container !== null) byId.set(container.dockerId, container);
      return { containers: await redactAll([...byId.values()]), isTruncated, presentIds };
    },
    invalidate: (id) => void entries.delete(id),
    setWatched(value) {
      if (value !== watched) entries = new Map();
      watched = value;
    },
  };
}

/**
 * Shortens fields that exceed a limit. Must be called after the search for secrets, which would miss a truncated
 * secret. Ports are left unchanged. If there are too many, the API merges them into ranges. The agent does not merge
 * them, because some versions of the API do not accept ranges.
 */
const truncateFields = (container: Container): Container => ({
  ...fitContainer({ ...container, ports: [] }),
  ports: container.ports,
});

const firstByName = (listed: readonly ListedContainer[]): ListedContainer[] =>
  sortByName(listed, toName, ({ Id }) => Id).slice(0, SNAPSHOT_CONTAINERS_MAX);
