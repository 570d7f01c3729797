import type { Flavour } from './captures.js';

/** Something that happened to a container, before it is written as an engine writes it. */
export interface ContainerEvent {
  action: string;
  id: string;
  name: string;
  image: string;
  labels: Readonly<Record<string, string>>;
  exitCode: number | null;
  atMs: number;
}

/** An event as a line of the engine's stream, in the keys and the order of the captured ones. */
export function renderEvent(flavour: Flavour, event: ContainerEvent): string {
  const { action, id, image, name, labels, exitCode, atMs } = event;
  const isPodman = flavour === 'podman-4.3';
  const attributes = {
    ...(isPodman ? { containerExitCode: String(exitCode ?? 0), podId: '' } : {}),
    ...(exitCode === null ? {} : { exitCode: String(exitCode) }),
    image,
    name,
    ...labels,
  };
  const written = {
    ...{
      status: action,
      id,
      from: image,
      Type: 'container',
      Action: action,
      Actor: { ID: id, Attributes: attributes },
    },
    ...{ scope: 'local', time: Math.floor(atMs / 1_000), timeNano: Math.round(atMs * 1e6) },
  };
  return `${JSON.stringify(written)}\n`;
}

/**
 * Whether an engine's `event` filter lets an action through. Docker: equality, or a beginning once `health_status`
 * is among the values (moby's daemon/events/filter.go). Podman before 5: equality with its own words, in which
 * Docker's `die` is `died` (libpod/events/filters.go).
 */
export function matchesEventFilter(flavour: Flavour, action: string, values: readonly string[]): boolean {
  if (values.length === 0) return true;
  if (flavour === 'podman-4.3') return values.includes(action === 'die' ? 'died' : action);
  const matchesBeginning = values.some((value) => ['health_status', 'exec_create', 'exec_start'].includes(value));
  return values.some((value) => (matchesBeginning ? action.startsWith(value) : action === value));
}
