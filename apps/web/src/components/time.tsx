import { useSyncExternalStore } from 'react';
import { serverNow } from '../lib/api/client';
import { ago, exactly } from '../lib/format-time';

/** Ages are told anew so often. */
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

/** The server's time in milliseconds, as often as ages are told anew: one clock for the whole page. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** How long ago that was, with the exact moment, in local time, on hover. */
export function Age({ at }: { at: string | null }) {
  // Between two ticks something can be newer than the clock of the page.
  const shownAt = Math.max(useNow(), serverNow() - TICK_MS);
  if (at === null) return <span className="soft">never</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactly(date)} className="number">
      {ago(date.getTime(), shownAt)}
    </time>
  );
}

/** The exact moment in local time, for where an age would hide what matters. */
export function Moment({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactly(date)} className="number">
      {date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}
    </time>
  );
}
