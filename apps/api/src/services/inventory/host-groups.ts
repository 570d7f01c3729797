import { Freshness, HOST_GROUPS_MAX, type HostGroup, type HostGroupQuery, type HostGroups } from '@muster/contracts';
import { freshnessCutoffs, type FreshnessSource } from '../freshness/index.js';
import { countByLabels, type LabelGroup } from './count-by-labels.sql.js';
import { toCounts } from './summary.js';

/** Groups an organization's hosts by the value of a label. `groupsMax` replaces the maximum number of groups. */
export async function getHostGroups(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  { by, hostLabel }: HostGroupQuery,
  groupsMax = HOST_GROUPS_MAX,
): Promise<HostGroups> {
  const cutoffs = freshnessCutoffs(await freshnessContext());
  const found = await countByLabels(db, organizationId, { keys: [by], hostLabel, groupsMax }, cutoffs);
  const groups = found.flatMap((group) =>
    group.values === null ? [] : [{ value: group.values[0] ?? null, ...toCountsOfGroup(group) }],
  );
  const other = found.find(({ values }) => values === null);
  return { by, groups: groups.sort(byValue), other: other ? toCountsOfGroup(other) : null };
}

function toCountsOfGroup({ hosts, current, lastKnown }: LabelGroup): Omit<HostGroup, 'value'> {
  const byFreshness = Object.fromEntries(
    Freshness.options.map((freshness) => [freshness, hosts[freshness] ?? 0]),
  ) as HostGroup['hosts']['byFreshness'];
  return {
    hosts: { total: Object.values(byFreshness).reduce((a, b) => a + b, 0), byFreshness },
    containers: { current: toCounts(current), lastKnown: toCounts(lastKnown) },
  };
}

/** Sorts values by code point, and null last. */
function byValue({ value: a }: HostGroup, { value: b }: HostGroup): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : 1;
}
