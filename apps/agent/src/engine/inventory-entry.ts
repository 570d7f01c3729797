import { parseStatus, type Health } from '@muster/contracts';
import type { ContainerConfig } from './container-config.js';
import type { ListedContainer } from './shapes.js';
import { ageRange, minAgeMs } from './status-age.js';
import { toHealth, type Inspected } from './to-container.js';

/**
 * How long facts are used, in milliseconds, if the list does not show whether they are still correct. The period is
 * shorter than the interval between regular readings, so that each of these readings updates the facts.
 */
export const UNCONFIRMED_MS_MAX = 50_000;

/**
 * How long the start of a container can take, in milliseconds. While a container starts, an inspection may still return
 * the facts from before the start. Lists that are read later count the container's age from the beginning of the start.
 */
const START_MS_MAX = 2_000;

/** What is known about a container. Times are milliseconds of a monotonic clock. */
export interface InventoryEntry {
  /** The result of the last successful inspection; null if there is none, or if the container has started since. */
  inspected: Inspected | null;
  /** The inspection before the last event or change of state, if the container had exited by then; null otherwise. */
  exitInspection: Inspected | null;
  /** When the last successful inspection started. */
  inspectedAt: number;
  /** When the engine last reported the health, in an inspection or an event. */
  healthAt: number;
  /** True if the health is known to be outdated, so that an inspection is needed. */
  isHealthOutdated: boolean;
  /**
   * The configuration in the last successful inspection. It remains valid, because a container's image never changes.
   */
  config: ContainerConfig | undefined;
  /** The container's state in the last list. */
  state: string;
  /** The minimum age according to the last list. It never decreases while the container keeps running. */
  ageMs: number;
  /** When the container was first listed. */
  firstListedAt: number;
  /** Number of inspections that have failed since the last successful one. */
  failures: number;
  /** The container is not inspected before this time. */
  retryAt: number;
}

export const NEW_INVENTORY_ENTRY: Readonly<InventoryEntry> = {
  inspected: null,
  exitInspection: null,
  inspectedAt: 0,
  healthAt: 0,
  isHealthOutdated: false,
  config: undefined,
  state: '',
  ageMs: 0,
  firstListedAt: 0,
  failures: 0,
  retryAt: 0,
};

/** Returns the facts of a container that may have started or exited since its inspection. */
export function factsAfterChange(
  entry: InventoryEntry | undefined,
): Pick<InventoryEntry, 'inspected' | 'exitInspection'> {
  const inspected = entry?.inspected ?? null;
  return { inspected: null, exitInspection: inspected?.run?.isRunning === false ? inspected : null };
}

/**
 * Returns whether a container that cannot be inspected is still in the state of its last inspection. This is the case
 * if the list shows the same exit code, and an age that does not contradict the inspection. The reason of the exit is
 * then still correct.
 */
export function isSameEnd<E extends InventoryEntry>(
  entry: E,
  { Status }: ListedContainer,
  listedAt: number,
): entry is E & { exitInspection: Inspected } {
  const code = /^Exited \((-?\d+)\)/.exec(Status)?.[1];
  if (code === undefined || entry.exitInspection?.run?.exitCode !== Number(code)) return false;
  const age = ageRange(Status);
  return age === null || listedAt - age.maxMs <= entry.inspectedAt;
}

/**
 * Returns whether the inspected facts may be outdated. This is the case if the container may have started or exited
 * since its inspection, or if the list lacks its health. Only the list is used, because events may have been missed.
 */
export function isUnconfirmed(
  entry: InventoryEntry,
  inspected: Inspected,
  listed: ListedContainer,
  listedAt: number,
): boolean {
  if (entry.isHealthOutdated || isHealthUnconfirmed(entry, inspected, listed, listedAt)) return true;
  const ageMs = minAgeMs(listed.Status);
  // After a restart within a second, the list can show the same state and age as before.
  if (/^Up Less than a second\b/.test(listed.Status)) return true;
  if (ageMs === null) return listedAt - entry.inspectedAt > UNCONFIRMED_MS_MAX;
  return listedAt - ageMs > entry.inspectedAt - START_MS_MAX;
}

/**
 * Returns whether the list lacks the health of a running container, and the engine's last report of this health is too
 * old.
 */
const isHealthUnconfirmed = (
  { healthAt, isHealthOutdated }: InventoryEntry,
  { health }: Inspected,
  listed: ListedContainer,
  listedAt: number,
): boolean =>
  listed.State === 'running' &&
  health !== null &&
  listedHealth(listed) === null &&
  (isHealthOutdated || listedAt - healthAt > UNCONFIRMED_MS_MAX);

/**
 * Drops the inspected facts if the list shows that the container has started or exited since its inspection. Otherwise,
 * drops only the health, and only if the health may be outdated. The health is then inspected as soon as possible.
 */
export function dropUnconfirmed(entry: InventoryEntry, listed: ListedContainer, listedAt: number): void {
  const { inspected, inspectedAt } = entry;
  if (inspected === null) return;
  const age = ageRange(listed.Status);
  if (age !== null && listedAt - age.maxMs > inspectedAt) entry.inspected = null;
  else if (isHealthUnconfirmed(entry, inspected, listed, listedAt)) {
    Object.assign(entry, { inspected: { ...inspected, health: null }, isHealthOutdated: true });
  }
}

/** Returns the health in the list. Podman's list does not contain it before version 6. */
export const listedHealth = ({ Health, Status }: ListedContainer): Health | null =>
  toHealth(Health?.Status) ?? parseStatus(Status).health;
