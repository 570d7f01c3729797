/** Compares what the API returns about a host with what the model predicts. */
import type { AvailabilitySeconds, HostEvent } from '@muster/contracts';
import { predict, reconnectUntil, type AgentCall, type PredictedEvent, type PredictionOptions } from './model.js';

/** Maximum difference between the time of a call and the instant that the API stores, including clock differences. */
const TOLERANCE_MS = 1_000;

/** The fractions of the tolerance by which the limits of silences are shifted. */
const SHIFTS = [0, -0.25, 0.25, -0.5, 0.5, -0.75, 0.75, -1, 1];

export interface FoundHistory {
  events: readonly HostEvent[];
  seconds: AvailabilitySeconds;
}

export interface Comparison {
  /** The predicted events, by kind. */
  counts: Record<string, number>;
  /** The predicted and the found availability. */
  predicted: AvailabilitySeconds;
  found: AvailabilitySeconds;
  /** The largest difference between an instant in the API and the predicted instant, in ms. */
  deviationMs: number;
  /** A sentence for each difference. */
  differences: string[];
}

export interface ComparisonOptions extends Omit<PredictionOptions, 'shiftMs'> {
  /** Maximum number of milliseconds by which a downtime in the API begins or ends earlier than in `downtimes`. */
  downtimeSlackMs: number;
}

/**
 * Compares the history of a host. If a silence lasted almost exactly as long as a limit, the API may have counted the
 * silence on either side of the limit.
 */
export function compareHistory(
  calls: readonly AgentCall[],
  found: FoundHistory,
  options: ComparisonOptions,
): Comparison {
  const callMs = Math.max(...calls.map(({ sentAt, answeredAt }) => answeredAt - sentAt));
  const toleranceMs = TOLERANCE_MS + callMs;
  const comparisons = SHIFTS.map((shift) => {
    const shiftMs = shift * (toleranceMs + options.downtimeSlackMs);
    // The limits are shifted only to find the silences that count, not to predict other instants.
    const { events, seconds } = predict(calls, { ...options, shiftMs });
    for (const event of events) if (/stale|offline/.test(event.kind)) event.at -= shiftMs;
    return compareWith(events, seconds, found, toleranceMs, options);
  });
  return comparisons.reduce((best, each) => (each.differences.length < best.differences.length ? each : best));
}

function compareWith(
  predictedEvents: readonly PredictedEvent[],
  predicted: AvailabilitySeconds,
  { events, seconds }: FoundHistory,
  toleranceMs: number,
  { downtimes, downtimeSlackMs }: ComparisonOptions,
): Comparison {
  const differences: string[] = [];
  const counts: Record<string, number> = {};
  let deviationMs = 0;
  const left = [...events];
  for (const { kind, at, from, to } of predictedEvents) {
    counts[kind] = (counts[kind] ?? 0) + 1;
    // If a host is silent before or soon after a downtime, the times of its events depend on when exactly Muster was
    // down.
    const { since } = (to ?? {}) as { since?: number };
    const isAfterDowntime =
      since !== undefined && downtimes.some((down) => at > down.from && since < reconnectUntil(down));
    const limitMs = toleranceMs + (isAfterDowntime ? downtimeSlackMs : 0);
    const distance = (event: HostEvent) => Math.abs(Date.parse(event.at) - at);
    const candidates = left.filter((event) => event.kind === kind && distance(event) <= limitMs);
    const [closest] = candidates.sort((a, b) => distance(a) - distance(b));
    const what = `${kind} at ${new Date(at).toISOString()}`;
    if (closest === undefined) {
      differences.push(`${what} is missing`);
      continue;
    }
    left.splice(left.indexOf(closest), 1);
    deviationMs = Math.max(deviationMs, distance(closest));
    for (const [side, expected] of Object.entries({ from, to })) {
      const actual = closest[side as 'from' | 'to'];
      if (isClose(expected, actual, toleranceMs)) continue;
      differences.push(`${what}: ${side} is ${JSON.stringify(actual)} but should be ${JSON.stringify(expected)}`);
    }
  }
  differences.push(...left.map(({ kind, at, to }) => `${kind} at ${at} should not exist: ${JSON.stringify(to)}`));
  for (const state of Object.keys(predicted) as (keyof AvailabilitySeconds)[]) {
    if (Math.abs(predicted[state] - seconds[state]) * 1_000 <= toleranceMs + downtimeSlackMs) continue;
    differences.push(`${state} for ${seconds[state].toFixed(1)} s but should be ${predicted[state].toFixed(1)} s`);
  }
  return { counts, predicted, found: seconds, deviationMs, differences };
}

/** Compares the values of an event. `since` is an instant, and `silentSeconds` a rounded duration. */
function isClose(expected: object | null, actual: object | null, toleranceMs: number): boolean {
  if (expected === null || actual === null) return expected === actual;
  const [ours, theirs] = [expected, actual] as Record<string, unknown>[];
  if (Object.keys(ours!).sort().join() !== Object.keys(theirs!).sort().join()) return false;
  return Object.entries(ours!).every(([key, value]) => {
    const other = theirs![key];
    if (key === 'since') return Math.abs((value as number) - Date.parse(other as string)) <= toleranceMs;
    if (key === 'silentSeconds') return Math.abs((value as number) - (other as number)) * 1_000 <= toleranceMs + 500;
    return value === other;
  });
}
