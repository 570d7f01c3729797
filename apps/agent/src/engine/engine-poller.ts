import {
  type AgentProblemCode,
  ENGINE_ERROR_LENGTH_MAX,
  SNAPSHOT_BODY_BYTES_MAX,
  SNAPSHOT_CONTAINERS_MAX,
  type Container,
} from '@muster/contracts';
import { encodeSnapshot, type EncodedSnapshot } from '../reporting/encode-snapshot.js';
import { EngineError } from './errors.js';
import type { MachineFacts } from './identity.js';
import type { InventoryReading, Inventory } from './inventory.js';

/** Why an engine's containers cannot be listed. `code` is the code of the problem that is reported for the host. */
export interface EngineFault {
  code: Extract<AgentProblemCode, 'engine_unreachable' | 'list_refused'>;
  message: string;
}

/** A successful reading of the engine. */
export interface EngineReading {
  kind: 'ok';
  snapshot: EncodedSnapshot;
  /** The containers in the snapshot. */
  containers: readonly Container[];
  /** The ids of all containers of the engine, including those that are not in the snapshot. */
  presentIds: ReadonlySet<string>;
  /** Why the snapshot contains only the first containers by name; null if it contains all containers. */
  incompleteness: string | null;
  observedAt: Date;
  facts: MachineFacts;
}

/**
 * The result of a poll: either a reading of the engine or a fault. A failed list call never results in an empty
 * snapshot, or in a snapshot that is marked as complete but lacks containers. `isEngineResponsive` is true if the
 * engine answered, but with more data than the agent accepts. Retrying soon would then not help.
 */
export type PollResult = EngineReading | { kind: 'failed'; fault: EngineFault; isEngineResponsive: boolean };

/** Reads the engine and the machine. */
export interface EnginePoller {
  poll(signal: AbortSignal): Promise<PollResult>;
  /** Pings the engine. Returns null if it answers, otherwise the fault. */
  check(signal: AbortSignal): Promise<EngineFault | null>;
  /** Returns the facts of the last successful reading, or null before the first one. */
  facts(): MachineFacts | null;
  /** Forces the next poll to re-read the facts, because the engine may have been replaced. */
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

  async function read(signal: AbortSignal): Promise<InventoryReading & { facts: MachineFacts }> {
    const reading = await inventory.read(signal);
    if (facts === null || !areFactsCurrent) {
      facts = await readFacts(signal);
      areFactsCurrent = true;
    }
    return { ...reading, facts };
  }

  return {
    async poll(signal) {
      // The time is taken before the engine is read, because the snapshot may lack changes that happen during the read.
      const observedAt = wallNow();
      try {
        const reading = await read(signal);
        const { snapshot, encoded: containers } = await encodeSnapshot(reading.containers);
        const incompleteness = explainIncompleteness(reading, containers);
        const { presentIds, facts } = reading;
        return { kind: 'ok', snapshot, containers, presentIds, incompleteness, observedAt, facts };
      } catch (error) {
        const fault = toEngineFault(error);
        return { kind: 'failed', fault, isEngineResponsive: (error as EngineError).failure === 'too_large' };
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
  const message = error.message.replaceAll('\0', '').slice(0, ENGINE_ERROR_LENGTH_MAX).toWellFormed();
  return { code: isRefusal(error) ? 'list_refused' : 'engine_unreachable', message: message || 'the engine failed' };
}

/**
 * Returns whether the engine, or a proxy in front of it, answered the list call, but not with a list that the agent can
 * use. A 5xx response does not count as a refusal.
 */
const isRefusal = ({ failure, status }: EngineError): boolean =>
  failure === 'malformed' || failure === 'too_large' || (failure === 'refused' && status !== null && status < 500);
