/** A point in the sequence of a database's transactions, as read by one statement. */
export interface HistoryPoint {
  /** Identifies the run of a server: differs between servers, and between two runs of one server. */
  server: string;
  /** Every transaction whose id is lower than the horizon has ended. */
  horizon: bigint;
}

/**
 * Returns false if transactions may have been lost between `before` and `after`, for example by a crash, a restore, or
 * a failover to a lagging standby. The server then assigns the ids of the lost transactions again, so data that was
 * read at `before` may be wrong. Comparing only the horizons is not enough, because a busy server soon reaches the old
 * horizon again.
 */
export const isSameHistory = (before: HistoryPoint, after: HistoryPoint): boolean =>
  before.server === after.server && before.horizon <= after.horizon;

/**
 * An SQL expression whose value differs between servers and between runs of one server. The value combines the server's
 * start time with the time when the server last discarded its statistics. After a crash, a server may recover without a
 * new start time, but it discards its statistics.
 */
export const SERVER_RUN = `concat_ws('/',
      extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()))`;
