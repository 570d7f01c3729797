import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { SNAPSHOT_CONTAINERS_MAX, fitContainer, type Container } from '@muster/contracts';
import type { Logger } from 'pino';
import { byName } from '../lib/by-name.js';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import { createRedactor, type RedactionPatterns } from './redact.js';
import type { ListedContainer } from './shapes.js';
import { NOT_INSPECTED, toContainer, toName, type Inspected } from './to-container.js';

/** What an engine was read to have. */
export interface EngineReading {
  /** Its containers; if they are more than a snapshot holds, the first by name. */
  containers: Container[];
  /** True: it has more containers than these. */
  isCut: boolean;
  /** The ids of all containers that it listed. */
  presentIds: ReadonlySet<string>;
}

/**
 * What an engine runs, exactly: a list, completed by what only an inspection tells. Each container is inspected once
 * and again when it starts, as long as somebody hands the engine's events on (`setWatched`); while nobody does, a
 * start could go unnoticed, so each is inspected at each look.
 */
export interface Inventory {
  /** Reads the engine, or throws `EngineError`: what could not be listed is never taken for absent. */
  read(signal: AbortSignal): Promise<EngineReading>;
  /** What was known of a container no longer holds: it started, or its health changed. */
  invalidate(id: string): void;
  /** True from when on no event is missed; each change of it forgets everything, for what happened before is unknown. */
  setWatched(watched: boolean): void;
}

/** Inspections under way at once: an inspection takes the engine 2 ms, and a lock of that container. */
const INSPECTIONS_MAX = 4;

/** Milliseconds for which the search for secrets keeps heartbeats and events waiting. */
const BLOCKED_MS_MAX = 20;

interface Entry {
  /** Null while it is being found out, and after an inspection that failed. */
  inspected: Inspected | null;
}

/** An inventory of the engine behind `client`, without what the patterns hide. */
export function createInventory(
  client: EngineClient,
  redaction: RedactionPatterns,
  log: Pick<Logger, 'warn'>,
): Inventory {
  // An entry is replaced, never reused, when it is invalidated: an inspection that was under way then
  // writes its outdated finding into an entry that nobody reads any more.
  let entries = new Map<string, Entry>();
  let watched = false;
  let isWithholding = false;

  async function inspect(listed: ListedContainer, signal: AbortSignal): Promise<Container | null> {
    // The engine has nothing to tell of one never started, and there can be thousands of those.
    if (listed.State === 'created') return toContainer(listed, NOT_INSPECTED);
    let entry = entries.get(listed.Id);
    if (entry === undefined) entries.set(listed.Id, (entry = { inspected: null }));
    if (entry.inspected === null || !watched) {
      const found = await inspectOrGiveUp(listed.Id, signal);
      if (found === 'gone') return null;
      entry.inspected = found ?? entry.inspected;
    }
    return toContainer(listed, entry.inspected ?? NOT_INSPECTED);
  }

  /**
   * `gone`: removed since it was listed. Null: the engine cannot tell of this one container (it is known to hang
   * on one that is stuck), which must not hide the others. No connection is another matter: the list is then old.
   */
  async function inspectOrGiveUp(id: string, signal: AbortSignal): Promise<Inspected | 'gone' | null> {
    try {
      return (await client.inspectContainer(id, signal)) ?? 'gone';
    } catch (error) {
      if (error instanceof EngineError && error.failure !== 'unreachable') return null;
      throw error;
    }
  }

  /** Redacts and shortens in the order of ids, so that equal states are equal also where a limit is reached. */
  async function redactAll(containers: Container[]): Promise<Container[]> {
    const redactor = createRedactor(redaction);
    const redacted: Container[] = [];
    let yieldedAt = performance.now();
    for (const container of containers.sort((a, b) => (a.dockerId < b.dockerId ? -1 : 1))) {
      redacted.push(fit(redactor.redact(container)));
      if (performance.now() - yieldedAt < BLOCKED_MS_MAX) continue;
      await yieldToEventLoop();
      yieldedAt = performance.now();
    }
    const texts = redactor.withheld();
    const isNews = texts > 0 && !isWithholding;
    isWithholding = texts > 0;
    if (isNews) log.warn({ texts }, 'too much to search for secrets: these labels and commands are sent as [redacted]');
    return redacted;
  }

  return {
    async read(signal) {
      const listed = await client.listContainers(signal);
      const presentIds = new Set(listed.map(({ Id }) => Id));
      for (const id of entries.keys()) if (!presentIds.has(id)) entries.delete(id);
      const isCut = listed.length > SNAPSHOT_CONTAINERS_MAX;
      const reported = isCut ? firstByName(listed) : listed;
      const containers = await mapBounded(reported, INSPECTIONS_MAX, (each) => inspect(each, signal));
      // A snapshot that names one container twice would be refused as a whole.
      const byId = new Map<string, Container>();
      for (const container of containers) if (container !== null) byId.set(container.dockerId, container);
      return { containers: await redactAll([...byId.values()]), isCut, presentIds };
    },
    invalidate: (id) => void entries.delete(id),
    setWatched(value) {
      if (value !== watched) entries = new Map();
      watched = value;
    },
  };
}

/**
 * Shortens what is over a limit, after the search for secrets: a secret that is cut in two would not be recognised. Ports
 * are left to the API, which merges too many into ranges; not every API takes ranges.
 */
const fit = (container: Container): Container => ({
  ...fitContainer({ ...container, ports: [] }),
  ports: container.ports,
});

const firstByName = (listed: readonly ListedContainer[]): ListedContainer[] =>
  byName(listed, toName, ({ Id }) => Id).slice(0, SNAPSHOT_CONTAINERS_MAX);

/** `map` over the items with at most `atOnce` under way; the first failure is thrown, and nothing begun after it. */
async function mapBounded<T, R>(items: readonly T[], atOnce: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  async function work(): Promise<void> {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        results[index] = await map(items[index]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return results;
}
