/**
 * An SQL expression that differs between servers and between runs of one server: its start time, and the time when it
 * last discarded its statistics, which it does after a crash that it recovers from without a new start.
 */
export const SERVER_RUN = `concat_ws('/',
      extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()))`;
