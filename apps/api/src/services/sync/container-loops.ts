import { isErrorCode, type ExitReason, type LoopExits } from '@muster/contracts';
import type { EventDraft } from './container-changes.js';

/**
 * Number of exits within an hour from which on a container is looping: further exits are not recorded one by one, but in
 * one event `looping` (ADR 24).
 */
export const LOOP_EXITS_MIN = 20;

/** Milliseconds that one `looping` event covers. */
export const LOOP_MS = 3_600_000;

/** Maximum number of different exits, by code and reason, that one `looping` event lists. */
export const LOOP_CODES_MAX = 16;

/** What happened to one container, as far as it matters for its loop. */
export interface LoopStep {
  dockerId: string;
  /** Whether the container was removed, which ends its loop. */
  removed: boolean;
  /** Number of times that its process ended; null if nothing happened to the process. */
  exits: number | null;
  from: string | null;
  to: string | null;
  code: number | null;
  reason: ExitReason | null;
  isError: boolean;
}

/** The reasons of exits that are not errors, even with a non-zero exit code. */
export const NO_ERROR_REASONS: readonly ExitReason[] = ['completed', 'stopped'];

const textOrNull = (value: EventDraft['from']): string | null => (typeof value === 'string' ? value : null);

/** Returns the steps of the containers whose events can be left out of the history, or whose loop ends. */
export function toLoopSteps(events: readonly EventDraft[]): LoopStep[] {
  const steps = new Map<string, LoopStep>();
  for (const { dockerId, kind, exits, inLoop, from, to, exitCode: code, exitReason: reason } of events) {
    const removed = kind === 'removed';
    if (!removed && inLoop === undefined) continue;
    if (exits === undefined) {
      const none = { dockerId, removed, exits: null, from: null, to: null, code: null, reason: null, isError: false };
      if (!steps.has(dockerId)) steps.set(dockerId, none);
      continue;
    }
    const isError = isErrorCode(code) && !(reason !== null && NO_ERROR_REASONS.includes(reason));
    const states = { from: textOrNull(from), to: textOrNull(to) };
    steps.set(dockerId, { dockerId, removed, exits, ...states, code, reason, isError });
  }
  return [...steps.values()];
}

/** A loop as the column `exits` of an event stores it. */
export interface StoredLoopExits {
  count: number;
  first: string;
  last: string;
  /** By code and reason. `recordedAt` is the time of the last of these exits, according to the API's clock. */
  codes: Readonly<
    Record<string, { code: number | null; reason: ExitReason | null; count: number; recordedAt: string }>
  >;
}

/** Converts stored exits to those of an answer. The most frequent ones come first. */
export const toLoopExits = ({ count, first, last, codes }: StoredLoopExits): LoopExits => ({
  count,
  first: new Date(first).toISOString(),
  last: new Date(last).toISOString(),
  codes: Object.values(codes)
    .map(({ code, reason, count }) => ({ code, reason, count }))
    .sort((a, b) => b.count - a.count || (a.code ?? -1) - (b.code ?? -1)),
});
