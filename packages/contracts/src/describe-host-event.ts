import type { HostEvent, HostEventValue } from './host-events.js';

const valueOf = (value: HostEventValue, key: string): string => {
  const found = value?.[key];
  return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
};

const labelsOf = (value: HostEventValue): Record<string, unknown> =>
  (value?.['labels'] ?? {}) as Record<string, unknown>;

/** Returns the labels that differ, in the syntax of `muster hosts label`: `env=prod` if set, and `env-` if removed. */
function labelChanges({ from, to }: HostEvent): string {
  const [before, after] = [labelsOf(from), labelsOf(to)];
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const omitted = valueOf(to, 'omittedLabels');
  return [
    ...set.map(([key, value]) => `${key}=${String(value)}`),
    ...removed.map((key) => `${key}-`),
    ...(omitted === '' ? [] : [`and ${omitted} more`]),
  ].join(' ');
}

/** Returns a length of time in two units, such as `4 min 12 s`. */
function duration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const first = Math.max(
    0,
    units.findIndex(([, size]) => seconds >= size),
  );
  return seconds < 1
    ? '0 s'
    : units
        .slice(first, first + 2)
        .map(([name, size], index) => [
          Math.floor(index === 0 ? seconds / size : (seconds % units[first]![1]) / size),
          name,
        ])
        .filter(([count]) => count !== 0)
        .map((part) => part.join(' '))
        .join(' ');
}

/** Describes an event of a host in a few words, next to its kind. */
export function describeHostEvent(event: HostEvent): string {
  const { kind, from, to } = event;
  switch (kind) {
    case 'host_enrolled':
      return to?.['again'] === true ? 'again' : '';
    case 'host_stale':
    case 'host_offline':
      return `last seen ${valueOf(to, 'since')}`;
    case 'host_back':
      return `after ${duration(Number(valueOf(to, 'silentSeconds')))}`;
    case 'engine_down':
      return valueOf(to, 'message');
    case 'engine_up':
      return `was down since ${valueOf(from, 'since')}`;
    case 'agent_upgraded':
      return `${valueOf(from, 'version')} -> ${valueOf(to, 'version')}`;
    case 'engine_upgraded':
      return [from, to].map((engine) => `${valueOf(engine, 'name')} ${valueOf(engine, 'version')}`).join(' -> ');
    case 'host_renamed':
      return `${valueOf(from, 'name')} -> ${valueOf(to, 'name')}`;
    case 'labels_changed':
      return labelChanges(event);
    case 'problem_started':
      return [valueOf(to, 'code'), valueOf(to, 'message')].filter(Boolean).join(': ');
    case 'problem_ended':
      return `${valueOf(from, 'code')} since ${valueOf(from, 'since')}`;
    case 'host_left':
    case 'clone_suspected':
      return '';
  }
}
