import type { Database } from '@muster/db';
import { Gauge, type Registry } from 'prom-client';
import { findWithheldEvents } from './find-withheld-events.sql.js';

export interface FeedMetricsOptions {
  db: Database;
  /** Returns the database's time. */
  now: () => Date;
  /** Returns the milliseconds since the last successful read for listeners of this process; 0 without listeners. */
  unreadMs: () => number;
  /** Called with the error if the database query failed. */
  onFailure: (error: unknown) => void;
}

/**
 * Adds a gauge for the delay of the live stream. The delay is the longer of two times: the age of the oldest committed
 * event of any organization that is still withheld, and the time since the stream was last read. The delay is measured
 * whether or not a client listens. The gauge is missing while the database does not respond and no client listens.
 */
export function addFeedMetrics(registry: Registry, { db, now, unreadMs, onFailure }: FeedMetricsOptions): void {
  async function withheldMs(): Promise<number | null> {
    try {
      const since = [...(await findWithheldEvents(db, null)).values()].map((recordedAt) => recordedAt.getTime());
      return since.length === 0 ? 0 : now().getTime() - Math.min(...since);
    } catch (error) {
      onFailure(error);
      return null;
    }
  }
  new Gauge({
    name: 'muster_feed_lag_seconds',
    help: 'Delay of the live stream in seconds: the age of the oldest change that it cannot send yet.',
    registers: [registry],
    async collect() {
      const withheld = await withheldMs();
      const unread = unreadMs();
      if (withheld === null && unread === 0) this.remove();
      else this.set(Math.max(withheld ?? 0, unread) / 1000);
    },
  });
}
