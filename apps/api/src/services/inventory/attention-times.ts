import { ATTENTION_GAP_SECONDS, type HostAttention } from '@muster/contracts';

/**
 * Groups instants, given in milliseconds. Within a group, each instant is at most `ATTENTION_GAP_SECONDS` after the
 * previous one. Returns the groups newest first.
 */
export function groupTimes(instants: readonly number[]): HostAttention['times'] {
  const groups: { since: number; until: number; total: number }[] = [];
  for (const instant of [...instants].sort((a, b) => b - a)) {
    const group = groups.at(-1);
    if (group !== undefined && group.since - instant <= ATTENTION_GAP_SECONDS * 1_000) {
      group.since = instant;
      group.total += 1;
    } else groups.push({ since: instant, until: instant, total: 1 });
  }
  return groups.map(({ since, until, total }) => ({
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    total,
  }));
}
