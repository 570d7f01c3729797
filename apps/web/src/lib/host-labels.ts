import type { HostFacets, HostLabelChange, HostLabels, HostLabelsBySource } from '@muster/contracts';
import { ProblemError } from '@muster/client';

/**
 * Returns the labels of a host as texts, sorted by key. Labels whose key has no prefix come first. A server before
 * version 0.5 does not send labels.
 */
export const labelTexts = ({ labels = {} }: { labels?: HostLabels }): string[] =>
  Object.entries(labels)
    .sort(([a], [b]) => Number(a.includes('/')) - Number(b.includes('/')) || (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);

/** Returns the labels that a source sets on a host. A server before version 0.5 does not send them. */
export const labelsOfSource = (
  { labelsBySource }: { labelsBySource?: HostLabelsBySource },
  source: keyof HostLabelsBySource,
): HostLabels => labelsBySource?.[source] ?? {};

/** Returns the change that turns the labels `before` into the labels `after`; null if they are equal. */
export function labelDifference(before: HostLabels, after: HostLabels): Pick<HostLabelChange, 'set' | 'remove'> | null {
  const set = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  const remove = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return Object.keys(set).length + remove.length === 0 ? null : { set, remove };
}

/** Returns the label keys that hosts have, with their values. A server before version 0.5 does not send them. */
export const labelKeys = (facets: { labels?: HostFacets['labels'] } | undefined): HostFacets['labels']['keys'] =>
  facets?.labels?.keys ?? [];

/** Removes white space around a label, and around the first `=` in it. */
export const trimLabel = (label: string): string => label.trim().replace(/\s*=\s*/, '=');

/** Formats labels for a text area, one label per line. */
export const formatLabelLines = (labels: HostLabels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');

/**
 * Parses labels that are separated by line breaks or commas. The API checks the characters of keys and values. If a
 * label has no `=` or occurs twice, returns an error that contains the label.
 */
export function parseLabelLines(text: string): { labels: HostLabels } | { error: string } {
  const labels = new Map<string, string>();
  for (const part of text.split(/[\n,]/).map((part) => part.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals === -1) return { error: `“${part}” must be a key and a value, such as env=prod.` };
    const key = part.slice(0, equals).trim();
    if (labels.has(key)) return { error: `The label ${key} occurs twice.` };
    labels.set(key, part.slice(equals + 1).trim());
  }
  return { labels: Object.fromEntries(labels) };
}

/**
 * Returns the API's message about a field with labels, or with a list of `keys`, as a sentence that begins with the key
 * in question; undefined if the field is valid.
 */
export function labelError(error: Error | null, field: string, keys: readonly string[] = []): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  const found = error.problem.errors?.find(({ path }) => path === `/${field}` || path.startsWith(`/${field}/`));
  if (found === undefined) return undefined;
  const [, , ...rest] = found.path.split('/');
  const part = rest.join('/').replaceAll('~1', '/').replaceAll('~0', '~');
  const key = keys[Number(part)] ?? part;
  const text = part === '' ? `The labels ${found.message}` : `${key}: ${found.message}`;
  return text.endsWith('.') ? text : `${text}.`;
}
