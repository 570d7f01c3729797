import type { HostLabels } from '@muster/contracts';

/**
 * Maximum length of the labels in one event, in UTF-16 code units, the same as for an event of a container. The labels
 * of a host can be 25 kB long, and an agent could change all of them again and again.
 */
const LABELS_LENGTH_MAX = 8_192;

/**
 * The labels before or after a change. `omittedLabels` is the number of changed labels that are too long to be
 * recorded.
 */
interface RecordedLabels {
  labels: HostLabels;
  omittedLabels?: number;
}

/** Returns the labels that differ, as they are recorded in events and in the audit log. */
export function labelChanges(from: HostLabels, to: HostLabels): { from: RecordedLabels; to: RecordedLabels } {
  const valueOf = (labels: HostLabels, key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter((key) => valueOf(from, key) !== valueOf(to, key))
    .sort();
  let length = 0;
  const recorded = keys.filter((key) => {
    for (const labels of [from, to]) {
      if (Object.hasOwn(labels, key)) length += key.length + labels[key]!.length;
    }
    return length <= LABELS_LENGTH_MAX;
  });
  const pick = (labels: HostLabels): HostLabels =>
    Object.fromEntries(recorded.flatMap((key) => (Object.hasOwn(labels, key) ? [[key, labels[key]!]] : [])));
  const omitted = keys.length - recorded.length;
  return {
    from: { labels: pick(from) },
    to: { labels: pick(to), ...(omitted === 0 ? {} : { omittedLabels: omitted }) },
  };
}
