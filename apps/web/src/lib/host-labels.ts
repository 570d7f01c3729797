import type { HostFacets, HostLabels } from '@muster/contracts';
import { ProblemError } from '@muster/client';

/** Returns the labels of a host as texts. A server before version 0.5 does not send labels. */
export const labelTexts = ({ labels = {} }: { labels?: HostLabels }): string[] =>
  Object.entries(labels).map(([key, value]) => `${key}=${value}`);

/** Returns the label keys that hosts have, with their values. A server before version 0.5 does not send them. */
export const labelKeys = (facets: { labels?: HostFacets['labels'] } | undefined): HostFacets['labels']['keys'] =>
  facets?.labels?.keys ?? [];

/** Formats labels for an entry, one label per line. */
export const formatLabelLines = (labels: HostLabels): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n');

/**
 * Parses labels that are separated by line breaks or commas. The API checks the characters of keys and values. Returns an
 * error that names the label if it has no `=` or occurs twice.
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

/** Returns the API's message about labels, with the key of the label; undefined if no label is wrong. */
export function labelError(error: Error | null): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  const [first] = error.problem.errors ?? [];
  if (first === undefined) return undefined;
  const [, , ...rest] = first.path.split('/');
  const key = rest.join('/').replaceAll('~1', '/').replaceAll('~0', '~');
  const text = key === '' ? `The labels: ${first.message}` : `${key}: ${first.message}`;
  return `${text}.`.replace(/\.\.$/, '.');
}
