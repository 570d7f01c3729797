import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineClient } from './client.js';
import type { EngineGate } from './engine-gate.js';
import { EngineError } from './errors.js';
import type { Inspected } from './to-container.js';

/** Wait between two inspections, in milliseconds. */
const INSPECTION_INTERVAL_MS = 1_000;

/**
 * Maximum number of containers that wait for an inspection. The regular readings of the engine inspect the other
 * containers soon enough.
 */
const WAITING_CONTAINERS_MAX = 60;

export interface HealthCheckOptions {
  engine: Pick<EngineClient, 'inspectContainer'>;
  gate: Pick<EngineGate, 'openAt'>;
  /** Returns monotonic time in milliseconds. */
  now: () => number;
  /** Called with the result of each inspection; null if it failed, or was skipped because the gate is closed. */
  onInspected: (id: string, inspected: Inspected | null) => void;
  signal: AbortSignal;
}

/**
 * Creates a function that inspects a container soon, at most one container a second. The function is used for events
 * that do not contain the health, which Podman before version 5 sends after each check. Reading all containers after
 * each such event would be expensive. While the gate is closed for lists, inspections are skipped, because they would
 * probably fail, too.
 */
export function createHealthChecks({
  engine,
  gate,
  now,
  onInspected,
  signal,
}: HealthCheckOptions): (id: string) => void {
  const waiting = new Set<string>();
  let isRunning = false;

  async function inspect(id: string): Promise<Inspected | null> {
    try {
      return await engine.inspectContainer(id, signal);
    } catch (error) {
      if (error instanceof EngineError || signal.aborted) return null;
      throw error;
    }
  }

  async function run(): Promise<void> {
    isRunning = true;
    for (const id of waiting) {
      waiting.delete(id);
      if (gate.openAt('list') > now()) {
        onInspected(id, null);
        continue;
      }
      const inspected = await inspect(id);
      if (signal.aborted) return;
      onInspected(id, inspected);
      await sleep(INSPECTION_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
    isRunning = false;
  }

  return (id) => {
    if (waiting.size < WAITING_CONTAINERS_MAX) waiting.add(id);
    if (!isRunning) void run();
  };
}
