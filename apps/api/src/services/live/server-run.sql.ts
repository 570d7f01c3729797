/**
 * An SQL expression that differs between servers and between two runs of one: the instant at which the server started,
 * and the one at which it last discarded its statistics, as it does after a crash, which it survives without a new start.
 */
export const SERVER_RUN = `concat_ws('/',
      extract(epoch FROM pg_postmaster_start_time()), extract(epoch FROM pg_stat_get_bgwriter_stat_reset_time()))`;
