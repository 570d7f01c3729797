import type { CapturedEngine } from './captures.js';
import type { ContainerEvent } from './engine.js';

/** Returns an event as a line of the engine's stream, with the same keys in the same order as a captured line. */
export function renderEvent(capturedEngine: CapturedEngine, event: ContainerEvent): string {
  const { action, id, image, name, labels, exitCode, atMs } = event;
  const podman = { containerExitCode: String(exitCode ?? 0), podId: '' };
  const Attributes = {
    ...(capturedEngine === 'podman-4.3' ? podman : {}),
    ...(exitCode === null ? {} : { exitCode: String(exitCode) }),
    image,
    name,
    ...labels,
  };
  const line = {
    status: action,
    id,
    from: image,
    Type: 'container',
    Action: action,
    Actor: { ID: id, Attributes },
    scope: 'local',
    time: Math.floor(atMs / 1_000),
    timeNano: Math.round(atMs * 1e6),
  };
  return `${JSON.stringify(line)}\n`;
}

/**
 * Returns whether an action passes an engine's `event` filter. Docker compares whole actions. If `health_status`,
 * `exec_create` or `exec_start` is one of the filter's values, it compares prefixes instead (moby's
 * daemon/events/filter.go). Podman before version 5 compares whole actions, and its name for Docker's `die` is `died`
 * (libpod/events/filters.go).
 */
export function matchesEventFilter(capturedEngine: CapturedEngine, action: string, values: readonly string[]): boolean {
  if (values.length === 0) return true;
  if (capturedEngine === 'podman-4.3') return values.includes(action === 'die' ? 'died' : action);
  const comparesPrefixes = values.some((value) => ['health_status', 'exec_create', 'exec_start'].includes(value));
  return values.some((value) => (comparesPrefixes ? action.startsWith(value) : action === value));
}
