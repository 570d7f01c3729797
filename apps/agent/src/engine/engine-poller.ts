import {
  type AgentProblemCode,
  ENGINE_ERROR_LENGTH_MAX,
  SNAPSHOT_BODY_BYTES_MAX,
  SNAPSHOT_CONTAINERS_MAX,
  type Container,
} from '@muster/contracts';
import { encodeSnapshot, type EncodedSnapshot } from '../reporting/encode-snapshot.js';
import { EngineError, type EngineFailure } from './errors.js';
import type { MachineFacts } from './identity.js';
import type { InventoryReading, Inventory } from './inventory.js';

/** Why an engine's containers cannot be listed. `code` is the code of the problem that is reported for the host. */
export interface EngineFault {
  code: Extract<AgentProblemCode, 'engine_unreachable' | 'list_refused'>;
  message: string;
  failure: EngineFailure;
  /** The HTTP status if the failure is `refused`; null otherwise. */
  status: number | null;
}

/** A successful reading of the engine. */
export interface EngineReading {
  kind: 'ok';
  snapshot: EncodedSnapshot;
  /** The containers in the snapshot. */
  containers: readonly Container[];
  /** The ids of all containers of the engine, including containers that are not in the snapshot. */
  presentIds: ReadonlySet<string>;
  /** Why the snapshot contains only the first containers by name; null if it contains all containers. */
  incompleteness: string | null;
  observedAt: Date;
  facts: MachineFacts;
}

/**
 * The result of a poll: either a reading of the engine or a fault. A failed list call never results in an empty
 * snapshot, or in a snapshot that is marked as complete but lacks containers.
 */
export type PollResult = EngineReading | { kind: 'failed'; fault: EngineFault };

/** How often the facts are read again, in milliseconds: a machine can be renamed or get more memory. */
const FACTS_INTERVAL_MS = 3_600_000;

/** Reads the engine and the machine. */
export interface EnginePoller {
  /** `portRanges`: whether the API accepts ranges of ports in a snapshot. */
  poll(portRanges: boolean, signal: AbortSignal): Promise<PollResult>;
  /** Pings the engine. Returns null if it answers, otherwise the fault. */
  check(signal: AbortSignal): Promise<EngineFault | null>;
  /**
   * Returns the facts as last read; null if no attempt to read them has succeeded. Facts can be known even if the list
   * failed.
   */
  facts(): MachineFacts | null;
  /** Forces the next poll to read the facts again. Call it when the engine may have been replaced. */
  invalidateFacts(): void;
}

export interface EnginePollerOptions {
  inventory: Inventory;
  ping: (signal: AbortSignal) => Promise<void>;
  readFacts: (signal: AbortSignal) => Promise<MachineFacts>;
  wallNow: () => Date;
}

/** Creates a poller for the engine that `inventory` reads. Its methods throw only on abort. */
export function createEnginePoller({ inventory, ping, readFacts, wallNow }: EnginePollerOptions): EnginePoller {
  let facts: MachineFacts | null = null;
  let areFactsCurrent = false;
  /** When the facts were read, or could not be read again, in milliseconds since 1970. */
  let factsReadAtMs = 0;

  async function readCurrentFacts(signal: AbortSignal): Promise<MachineFacts> {
    factsReadAtMs = wallNow().getTime();
    facts = await readFacts(signal);
    areFactsCurrent = true;
    return facts;
  }

  /** Returns the facts. Reads them again once an hour, and whenever the engine may have been replaced. */
  async function refreshFacts(signal: AbortSignal): Promise<MachineFacts> {
    if (facts === null || !areFactsCurrent) return readCurrentFacts(signal);
    if (Math.abs(wallNow().getTime() - factsReadAtMs) < FACTS_INTERVAL_MS) return facts;
    const known = facts;
    return readCurrentFacts(signal).catch((error: unknown) => {
      // The list was read, so the containers are reported with the known facts.
      if (error instanceof EngineError) return known;
      throw error;
    });
  }

  async function read(signal: AbortSignal): Promise<InventoryReading & { facts: MachineFacts }> {
    // The first facts are read before the list, because they are needed to enroll even if the list fails.
    let factsFailure: EngineError | null = null;
    if (facts === null) {
      try {
        await readCurrentFacts(signal);
      } catch (error) {
        // If the engine answers, it may refuse the facts and still allow the list. If it does not answer, the list
        // would fail, too.
        if (!(error instanceof EngineError) || ['unreachable', 'timeout'].includes(error.failure)) throw error;
        factsFailure = error;
      }
    }
    const reading = await inventory.read(signal);
    if (factsFailure !== null) throw factsFailure;
    return { ...reading, facts: await refreshFacts(signal) };
  }

  return {
    async poll(portRanges, signal) {
      // The time is taken before the engine is read, because the snapshot may lack changes that happen during the read.
      const observedAt = wallNow();
      try {
        const reading = await read(signal);
        const { snapshot, encoded: containers } = await encodeSnapshot(reading.containers, { portRanges });
        const incompleteness = explainIncompleteness(reading, containers);
        const { presentIds, facts } = reading;
        return { kind: 'ok', snapshot, containers, presentIds, incompleteness, observedAt, facts };
      } catch (error) {
        return { kind: 'failed', fault: toEngineFault(error) };
      }
    },
    async check(signal) {
      try {
        await ping(signal);
        return null;
      } catch (error) {
        return { ...toEngineFault(error), code: 'engine_unreachable' };
      }
    },
    facts: () => facts,
    invalidateFacts: () => {
      areFactsCurrent = false;
    },
  };
}

function explainIncompleteness(reading: InventoryReading, reported: readonly Container[]): string | null {
  const isFullyEncoded = reported.length === reading.containers.length;
  if (isFullyEncoded && !reading.isTruncated) return null;
  const limit = isFullyEncoded
    ? `a snapshot holds at most ${SNAPSHOT_CONTAINERS_MAX}`
    : `their data exceeds the ${SNAPSHOT_BODY_BYTES_MAX} bytes of a snapshot`;
  return `${reading.presentIds.size} containers, but ${limit}: only the first ${reported.length} by name are reported`;
}

/** Converts an `EngineError` to a fault in the contract's format. Rethrows any other error. */
function toEngineFault(error: unknown): EngineFault {
  if (!(error instanceof EngineError)) throw error;
  const { failure, status } = error;
  const message = error.message.replaceAll('\0', '').slice(0, ENGINE_ERROR_LENGTH_MAX).toWellFormed();
  const code = isRefusal(error) ? 'list_refused' : 'engine_unreachable';
  return { code, message: message || 'the engine failed', failure, status };
}

/**
 * Returns whether the list call was answered, by the engine or a proxy, but not with a list that the agent can use. A
 * 5xx response does not count as a refusal.
 */
const isRefusal = ({ failure, status }: EngineError): boolean =>
  failure === 'malformed' || failure === 'too_large' || (failure === 'refused' && status !== null && status < 500);
