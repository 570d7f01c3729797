import { HOST_LABEL_CHANGES_MAX, type HostLabelChangeResult } from '@muster/contracts';
import { formatCount, formatNumber } from '../../lib/format-count';

/** The numbers of hosts that a change of labels has covered. */
export type LabelCounts = Readonly<Record<keyof HostLabelChangeResult, number>>;

export const NO_COUNTS: LabelCounts = { changed: 0, unchanged: 0, notFound: 0 };

/**
 * Changes the labels of hosts in batches, because a request can change at most `HOST_LABEL_CHANGES_MAX` hosts. Calls
 * `onBatch` with the counts so far after each batch, and returns the counts of all batches.
 */
export async function labelInBatches(
  hostIds: readonly string[],
  changeBatch: (hostIds: string[]) => Promise<HostLabelChangeResult>,
  onBatch: (counts: LabelCounts) => void,
): Promise<LabelCounts> {
  let counts = NO_COUNTS;
  for (let start = 0; start < hostIds.length; start += HOST_LABEL_CHANGES_MAX) {
    const { changed, unchanged, notFound } = await changeBatch(hostIds.slice(start, start + HOST_LABEL_CHANGES_MAX));
    counts = {
      changed: counts.changed + changed.length,
      unchanged: counts.unchanged + unchanged.length,
      notFound: counts.notFound + notFound.length,
    };
    onBatch(counts);
  }
  return counts;
}

/** Describes the hosts that a change has covered. Empty if it has covered none. */
export function describeCounts({ changed, unchanged, notFound }: LabelCounts): string {
  if (changed + unchanged + notFound === 0) return '';
  const parts = [`${formatCount(changed, 'host')} changed`];
  if (unchanged > 0) parts.push(`${formatNumber(unchanged)} had the labels already`);
  if (notFound > 0) parts.push(`${formatNumber(notFound)} not found, because they have been deleted`);
  return `${parts.join(', ')}.`;
}
