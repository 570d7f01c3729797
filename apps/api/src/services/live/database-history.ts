/** A moment of a database's history, as one statement saw it. */
export interface HistoryPoint {
  /** Differs between servers, and between two runs of one server. */
  server: string;
  /** Every transaction with a lower number has ended. */
  horizon: bigint;
}

/**
 * Returns whether what was known at `before` still holds at `after`. It does not where transactions may have been lost
 * (a failover to a standby that was behind, a restore, a crash): their numbers are then given again, to others. A lower
 * horizon alone does not show that, for a busy server soon reaches the old one.
 */
export const isContinued = (before: HistoryPoint, after: HistoryPoint): boolean =>
  before.server === after.server && before.horizon <= after.horizon;
