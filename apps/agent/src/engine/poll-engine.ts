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
import type { EngineReading, Inventory } from './inventory.js';

/** Why an engine's containers cannot be listed; `code` is one of a host's problems. */
export interface EngineFault {
  code: Extract<AgentProblemCode, 'engine_unreachable' | 'list_refused'>;
  message: string;
}

/** What was seen of an engine at one instant. */
export interface Seen {
  kind: 'seen';
  snapshot: EncodedSnapshot;
  /** The containers in the snapshot. */
  containers: readonly Container[];
  /** The ids of all containers that the engine has. */
  presentIds: ReadonlySet<string>;
  /** Why the snapshot holds only the first containers by name; null: it holds all. */
  incompleteness: string | null;
  observedAt: Date;
  facts: MachineFacts;
}

/**
 * One reading of the engine, or why it failed. There is no third: a list that failed never becomes an empty snapshot, nor
 * a complete one that lacks something. `isEngineWell`: the engine answers, but asking again soon changes nothing.
 */
export type Observation = Seen | { kind: 'failed'; fault: EngineFault; isEngineWell: boolean };

/** Reads the engine and the machine. */
export interface Observer {
  observe(signal: AbortSignal): Promise<Observation>;
  /** Null if the engine answers, otherwise why not. Costs it nothing. */
  check(signal: AbortSignal): Promise<EngineFault | null>;
  /** What the last successful reading found about the machine; null before it. */
  facts(): MachineFacts | null;
  /** The engine may be another one by now: the facts are read again next time. */
  forgetFacts(): void;
}

export interface ObserverOptions {
  inventory: Inventory;
  ping: (signal: AbortSignal) => Promise<void>;
  readFacts: (signal: AbortSignal) => Promise<MachineFacts>;
  wallNow: () => Date;
}

/** An observer of the engine behind `inventory`. Its calls throw on abort alone. */
export function createObserver({ inventory, ping, readFacts, wallNow }: ObserverOptions): Observer {
  let facts: MachineFacts | null = null;
  let areFactsCurrent = false;

  async function read(signal: AbortSignal): Promise<EngineReading & { facts: MachineFacts }> {
    const reading = await inventory.read(signal);
    if (facts === null || !areFactsCurrent) {
      facts = await readFacts(signal);
      areFactsCurrent = true;
    }
    return { ...reading, facts };
  }

  return {
    async observe(signal) {
      // The state is at least as new as this: what happens while it is read is not promised to be in it.
      const observedAt = wallNow();
      try {
        const reading = await read(signal);
        const { snapshot, encoded: containers } = await encodeSnapshot(reading.containers);
        const incompleteness = explainIncompleteness(reading, containers);
        const { presentIds, facts } = reading;
        return { kind: 'seen', snapshot, containers, presentIds, incompleteness, observedAt, facts };
      } catch (error) {
        const fault = toEngineFault(error);
        return { kind: 'failed', fault, isEngineWell: (error as EngineError).failure === 'too_large' };
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
    forgetFacts: () => {
      areFactsCurrent = false;
    },
  };
}

function explainIncompleteness(reading: EngineReading, reported: readonly Container[]): string | null {
  const isEncodedWhole = reported.length === reading.containers.length;
  if (isEncodedWhole && !reading.isCut) return null;
  const limit = isEncodedWhole
    ? `a snapshot holds at most ${SNAPSHOT_CONTAINERS_MAX}`
    : `what they hold is more than the ${SNAPSHOT_BODY_BYTES_MAX} bytes of a snapshot`;
  return `${reading.presentIds.size} containers, and ${limit}: only the first ${reported.length} by name are reported`;
}

/** The engine's failure as the contract carries it. Any other error is not the engine's, and thrown on. */
function toEngineFault(error: unknown): EngineFault {
  if (!(error instanceof EngineError)) throw error;
  const message = error.message.replaceAll('\0', '').slice(0, ENGINE_ERROR_LENGTH_MAX).toWellFormed();
  return { code: isRefusal(error) ? 'list_refused' : 'engine_unreachable', message: message || 'the engine failed' };
}

/** Whether the engine, or a proxy before it, answered and gives no list. One that fails with a 5xx counts as down. */
const isRefusal = ({ failure, status }: EngineError): boolean =>
  failure === 'malformed' || failure === 'too_large' || (failure === 'refused' && status !== null && status < 500);
