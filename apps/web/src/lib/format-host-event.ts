import type { HostEvent, HostEventKind, HostProblemCode } from '@muster/contracts';
import type { EventStatus } from './format-event';
import { formatCount } from './format-count';
import { PROBLEM_TITLES } from './format-problem';
import { formatExactDuration } from './format-exact-duration';
import { formatShortDateTime } from './format-time';

/** How an event of a host is shown. */
export interface HostEventWords {
  icon: EventStatus['icon'];
  label: string;
  /** The values before and after a change. */
  change?: { before: string; after: string };
  /** A message of the agent or of its engine, or a note about labels that the change omits. */
  detail?: string;
}

type Value = HostEvent['from'];

/** Returns a text of an event's value. A newer API may send values that this version does not know. */
const textOf = (value: Value, name: string): string => {
  const field = value?.[name];
  return typeof field === 'string' ? field : '';
};

const formatInstant = (text: string): string => {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? 'an unknown time' : formatShortDateTime(at);
};

/** Returns the values before and after a change, or an empty object if one of them is missing. */
const changeOf = (before: string, after: string): Pick<HostEventWords, 'change'> =>
  before === '' || after === '' ? {} : { change: { before, after } };

/** Returns the message of a problem, or an empty object if the problem has no message. */
const detailOf = (value: Value): Pick<HostEventWords, 'detail'> => {
  const message = textOf(value, 'message');
  return message === '' ? {} : { detail: message };
};

/** Returns the icon and the words for an event of a host. */
export function hostEventWords({ kind, from, to }: Pick<HostEvent, 'kind' | 'from' | 'to'>): HostEventWords {
  switch (kind) {
    case 'host_enrolled':
      return { icon: 'created', label: to?.['again'] === true ? 'Enrolled again' : 'Enrolled' };
    case 'host_stale':
      return { icon: 'starting', label: `Missed heartbeats since ${formatInstant(textOf(to, 'since'))}` };
    case 'host_offline':
      return { icon: 'dead', label: `Offline since ${formatInstant(textOf(to, 'since'))}` };
    case 'host_back': {
      const seconds = to?.['silentSeconds'];
      const words = typeof seconds === 'number' ? ` after ${formatExactDuration(seconds * 1_000)}` : '';
      return { icon: 'running', label: `Back${words}` };
    }
    case 'host_left':
      return { icon: 'removed', label: 'Agent left' };
    case 'engine_down':
      return { icon: 'unhealthy', label: 'Engine down', ...detailOf(to) };
    case 'engine_up':
      return { icon: 'running', label: 'Engine up again' };
    case 'agent_upgraded': {
      const [before, after] = [textOf(from, 'version'), textOf(to, 'version')];
      const verb = isOlder(after, before) ? 'downgraded' : 'upgraded';
      return { icon: 'changed', label: `Agent ${verb}`, ...changeOf(before, after) };
    }
    case 'engine_upgraded': {
      const nameOf = (value: Value) => `${textOf(value, 'name')} ${textOf(value, 'version')}`.trim();
      const isSame = textOf(from, 'name') === textOf(to, 'name');
      const verb = !isSame
        ? 'changed'
        : isOlder(textOf(to, 'version'), textOf(from, 'version'))
          ? 'downgraded'
          : 'upgraded';
      return { icon: 'changed', label: `Engine ${verb}`, ...changeOf(nameOf(from), nameOf(to)) };
    }
    case 'host_renamed':
      return { icon: 'renamed', label: 'Renamed', ...changeOf(textOf(from, 'name'), textOf(to, 'name')) };
    case 'labels_changed':
      return {
        ...{ icon: 'changed', label: 'Labels changed' },
        ...labelChange(from?.['labels'], to?.['labels']),
        ...omittedLabels(to?.['omittedLabels']),
      };
    case 'clone_suspected':
      return { icon: 'unhealthy', label: 'Clone suspected' };
    case 'problem_started':
      return { icon: 'unhealthy', label: problemTitle(to), ...detailOf(to) };
    case 'problem_ended':
      return { icon: 'running', label: `${problemTitle(from)} ended` };
    default:
      // A newer API may send kinds that this version does not know.
      return { icon: 'changed', label: String(kind).replaceAll('_', ' ') };
  }
}

function problemTitle(value: Value): string {
  const code = textOf(value, 'code');
  if (Object.hasOwn(PROBLEM_TITLES, code)) return PROBLEM_TITLES[code as HostProblemCode];
  return code === '' ? 'Problem' : code.replaceAll('_', ' ');
}

/** Returns whether a version is older than another one. Compares them number by number. */
function isOlder(version: string, than: string): boolean {
  const [own, other] = [version, than].map((text) => text.split(/\D+/).map(Number));
  for (let index = 0; index < Math.max(own!.length, other!.length); index += 1) {
    const difference = (own![index] ?? 0) - (other![index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Returns the labels that differ, before and after the change. */
function labelChange(before: unknown, after: unknown): Pick<HostEventWords, 'change'> {
  const [old, next] = [before, after].map(
    (labels) => new Map(Object.entries((labels ?? {}) as Record<string, string>)),
  );
  const keys = [...new Set([...old!.keys(), ...next!.keys()])].filter((key) => old!.get(key) !== next!.get(key)).sort();
  const format = (labels: ReadonlyMap<string, string>): string =>
    keys
      .filter((key) => labels.has(key))
      .map((key) => `${key}=${labels.get(key)}`)
      .join(', ') || 'none';
  return keys.length === 0 ? {} : changeOf(format(old!), format(next!));
}

/** Returns the number of changed labels that are too long to be recorded. */
const omittedLabels = (count: unknown): Pick<HostEventWords, 'detail'> =>
  typeof count === 'number' && count > 0 ? { detail: `and ${formatCount(count, 'more label')}` } : {};

const KIND_LABELS: Readonly<Record<HostEventKind, string>> = {
  host_enrolled: 'Enrolled',
  host_back: 'Back',
  host_stale: 'Missed heartbeats',
  host_offline: 'Offline',
  host_left: 'Agent left',
  engine_down: 'Engine down',
  engine_up: 'Engine up again',
  agent_upgraded: 'Agent upgraded',
  engine_upgraded: 'Engine upgraded',
  host_renamed: 'Renamed',
  labels_changed: 'Labels changed',
  clone_suspected: 'Clone suspected',
  problem_started: 'Problem',
  problem_ended: 'Problem ended',
};

/** The kinds of events of hosts in the filter menu. */
export const HOST_EVENT_KINDS = Object.keys(KIND_LABELS) as HostEventKind[];

/** Returns the label of a kind of event. */
export const formatHostEventKind = (kind: HostEventKind): string => KIND_LABELS[kind];
