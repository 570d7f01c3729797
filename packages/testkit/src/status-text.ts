/** What decides a container's status text. Times are milliseconds since 1970; null: that never happened. */
export interface StatusFacts {
  state: string;
  health: 'healthy' | 'unhealthy' | 'starting' | null;
  exitCode: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
}

/**
 * The text that Docker writes for it at `nowMs`, and Podman in the same words but without health.
 *
 * Source: `State.String` in moby's container/state.go; captured lists of both engines hold it to that.
 */
export function statusText(facts: StatusFacts, nowMs: number, tellsHealth: boolean): string {
  const { state, health, exitCode, startedAtMs, finishedAtMs } = facts;
  const since = (ms: number | null): string => humanDuration((nowMs - (ms ?? nowMs)) / 1_000);
  switch (state) {
    case 'running':
      return `Up ${since(startedAtMs)}${tellsHealth && health !== null ? SUFFIX_BY_HEALTH[health] : ''}`;
    case 'paused':
      return `Up ${since(startedAtMs)} (Paused)`;
    case 'restarting':
      return `Restarting (${exitCode}) ${since(finishedAtMs)} ago`;
    case 'dead':
      return 'Dead';
    case 'removing':
      return 'Removal In Progress';
    case 'created':
      return 'Created';
    default:
      return finishedAtMs === null ? '' : `Exited (${exitCode}) ${since(finishedAtMs)} ago`;
  }
}

const SUFFIX_BY_HEALTH = {
  healthy: ' (healthy)',
  unhealthy: ' (unhealthy)',
  starting: ' (health: starting)',
} as const;

/** A duration in an engine's words. Source: `HumanDuration` in docker/go-units' duration.go. */
export function humanDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 1) return 'Less than a second';
  if (whole === 1) return '1 second';
  if (whole < 60) return `${whole} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / 3_600 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 60) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(Math.floor(seconds / 3_600) / 24 / 365)} years`;
}
