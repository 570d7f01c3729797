import { ENGINE_ERROR_LENGTH_MAX, type Container } from '@muster/contracts';
import { encodeSnapshot, type EncodedSnapshot } from './encode-snapshot.js';
import { EngineError } from './engine/errors.js';
import type { MachineFacts } from './engine/identity.js';
import type { Inventory } from './engine/inventory.js';

/**
 * One look at the engine: all of its containers, or why it could not be had. There is no third: a list that failed
 * never becomes an empty snapshot, nor a shorter one.
 */
export type Observation =
  | { kind: 'seen'; snapshot: EncodedSnapshot; containers: readonly Container[]; observedAt: Date; facts: MachineFacts }
  /** `isEngineWell`: the engine did answer, with more than the API takes; asking it again soon changes nothing. */
  | { kind: 'failed'; error: string; isEngineWell: boolean };

/** Looks at the engine and the machine. */
export interface Observer {
  observe(signal: AbortSignal): Promise<Observation>;
  /** Null when the engine answers, otherwise why not. Costs it nothing. */
  check(signal: AbortSignal): Promise<string | null>;
  /** What the last look that succeeded told of the machine; null before it. */
  facts(): MachineFacts | null;
  /** The engine may be another one by now: the facts are read again at the next look. */
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

  async function read(signal: AbortSignal): Promise<{ containers: Container[]; facts: MachineFacts }> {
    const containers = await inventory.read(signal);
    if (facts === null || !areFactsCurrent) {
      facts = await readFacts(signal);
      areFactsCurrent = true;
    }
    return { containers, facts };
  }

  return {
    async observe(signal) {
      // The state is at least as new as this: what happens while it is read is not promised to be in it.
      const observedAt = wallNow();
      try {
        const seen = await read(signal);
        const encoded = await encodeSnapshot(seen.containers);
        if (!encoded.success) return { kind: 'failed', error: encoded.reason, isEngineWell: true };
        return { kind: 'seen', snapshot: encoded.snapshot, containers: seen.containers, observedAt, facts: seen.facts };
      } catch (error) {
        return { kind: 'failed', error: engineErrorText(error), isEngineWell: false };
      }
    },
    async check(signal) {
      try {
        await ping(signal);
        return null;
      } catch (error) {
        return engineErrorText(error);
      }
    },
    facts: () => facts,
    forgetFacts: () => {
      areFactsCurrent = false;
    },
  };
}

/** The engine's failure as the contract carries it; any other error is not the engine's, and thrown on. */
function engineErrorText(error: unknown): string {
  if (!(error instanceof EngineError)) throw error;
  return error.message.replaceAll('\0', '').slice(0, ENGINE_ERROR_LENGTH_MAX).toWellFormed() || 'the engine failed';
}
