import { z } from 'zod';
import { HOST_LABELS_MAX } from './limits.js';

/** The name in a label key, and a label value that is not empty: at most 63 characters, as in Kubernetes. */
const NAME = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`;
const DNS_LABEL = String.raw`[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?`;
/** The optional prefix of a label key: a domain name and a slash. */
const PREFIX = String.raw`(?=[^/]{1,253}/)${DNS_LABEL}(?:\.${DNS_LABEL})*/`;

const KEY_PATTERN = `^(?:${PREFIX})?${NAME}$`;
const VALUE_PATTERN = `^(?:${NAME})?$`;

const KEY_MESSAGE =
  'must be a label key: letters, digits, -, _ and ., at most 63, beginning and ending with a letter or digit, after an ' +
  'optional prefix such as example.com/';
const VALUE_MESSAGE =
  'must be a label value: empty, or at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit';

export const HostLabelKey = z.string().regex(new RegExp(KEY_PATTERN), { error: KEY_MESSAGE });
const HostLabelValue = z.string().regex(new RegExp(VALUE_PATTERN), { error: VALUE_MESSAGE });

/** The labels of a host, with the syntax of Kubernetes labels. */
export const HostLabels = z
  .record(HostLabelKey, HostLabelValue)
  .refine((labels) => Object.keys(labels).length <= HOST_LABELS_MAX, {
    error: `must have at most ${HOST_LABELS_MAX} labels`,
  })
  .meta({ maxProperties: HOST_LABELS_MAX });
export type HostLabels = z.output<typeof HostLabels>;

/** The sources of a host's labels. If several sources set the same key, the first of them applies. */
export const HOST_LABEL_SOURCES = ['operator', 'agent', 'enrollmentToken'] as const;

/** The labels that each source sets. Each source can set any key. */
export const HostLabelsBySource = z.object({ operator: HostLabels, agent: HostLabels, enrollmentToken: HostLabels });
export type HostLabelsBySource = z.output<typeof HostLabelsBySource>;

/**
 * Returns the labels of a host, sorted by key. If the sources together set more than `HOST_LABELS_MAX` keys, the labels
 * of the first sources apply.
 */
export function mergeHostLabels(bySource: HostLabelsBySource): HostLabels {
  const merged = new Map<string, string>();
  for (const source of HOST_LABEL_SOURCES) {
    for (const [key, value] of sortedEntries(bySource[source])) {
      if (!merged.has(key) && merged.size < HOST_LABELS_MAX) merged.set(key, value);
    }
  }
  return Object.fromEntries(sortedEntries(Object.fromEntries(merged)));
}

const sortedEntries = (labels: HostLabels): [string, string][] =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));

/**
 * Parses labels that are written as `env=prod,site=fra`. Ignores white space around labels, and empty parts of the
 * text. Returns the problem as a text if a label has no `=`, is not valid or occurs twice.
 */
export function parseHostLabels(text: string): { labels: HostLabels } | { problem: string } {
  const labels: HostLabels = {};
  const parts = text.split(',').map((part) => part.trim());
  for (const part of parts.filter((part) => part !== '')) {
    const equals = part.indexOf('=');
    if (equals === -1) return { problem: `“${part}” must be a label such as env=prod` };
    const [key, value] = [part.slice(0, equals), part.slice(equals + 1)];
    if (Object.hasOwn(labels, key)) return { problem: `the label ${key} occurs twice` };
    if (!HostLabelKey.safeParse(key).success) return { problem: `“${key}” ${KEY_MESSAGE}` };
    if (!HostLabelValue.safeParse(value).success)
      return { problem: `“${value}”, the value of ${key}, ${VALUE_MESSAGE}` };
    labels[key] = value;
  }
  const count = Object.keys(labels).length;
  return count > HOST_LABELS_MAX ? { problem: `${count} labels are too many: at most ${HOST_LABELS_MAX}` } : { labels };
}
