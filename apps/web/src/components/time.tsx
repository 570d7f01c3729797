import { useSyncExternalStore } from 'react';
import { serverNow } from '../lib/api/client';
import { formatAge, formatDateTime, formatShortDateTime } from '../lib/format-time';

/** Interval at which all ages on the page are updated, in milliseconds. */
const TICK_MS = 5_000;

let now = serverNow();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(onChange: () => void): () => void {
  listeners.add(onChange);
  timer ??= setInterval(() => {
    now = serverNow();
    listeners.forEach((listener) => listener());
  }, TICK_MS);
  return () => {
    listeners.delete(onChange);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Returns the server's time in milliseconds, updated every `TICK_MS`. The whole page shares one clock. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** The time since `at`, with the exact local time as a tooltip. */
export function Age({ at }: { at: string | null }) {
  // The shared clock stops while no component uses it. Its time may therefore be outdated for the first component that
  // uses it again.
  const shownAt = Math.max(useNow(), serverNow() - TICK_MS);
  if (at === null) return <span className="soft">never</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={formatDateTime(date)} className="number">
      {formatAge(date.getTime(), shownAt)}
    </time>
  );
}

/** A date and time in the local time zone, for places where an age is not precise enough. */
export function DateTime({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={formatDateTime(date)} className="number">
      {formatShortDateTime(date)}
    </time>
  );
}
