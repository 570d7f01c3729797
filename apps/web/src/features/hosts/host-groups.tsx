import type { HostGroup } from '@muster/contracts';
import { formatAvailability } from '@muster/contracts/format-availability';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Button } from '../../components/button';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { Icon } from '../../components/icons';
import { IsolatedText } from '../../components/isolated-text';
import { Menu, MenuRadioGroup } from '../../components/menu';
import { availabilityGroupsQuery } from '../../lib/api/availability-queries';
import { hostFacetsQuery, hostGroupsQuery } from '../../lib/api/queries';
import { formatNumber } from '../../lib/format-count';
import { labelKeys } from '../../lib/host-labels';
import { FilterLink } from './filter-link';
import { FRESHNESS_VALUES, type HostSearch } from './search';

const NOT_ONLINE = FRESHNESS_VALUES.filter((freshness) => freshness !== 'online');

/** The menu that groups the hosts by a label. */
export function GroupMenu({ by, onChange }: { by: string | undefined; onChange: (changes: HostSearch) => void }) {
  const { data: facets } = useQuery(hostFacetsQuery);
  const keys = labelKeys(facets).map(({ key }) => key);
  if (keys.length === 0 && by === undefined) return null;
  return (
    <Menu
      trigger={
        <Button>
          <Icon name="group" />
          {by === undefined ? 'Group' : <IsolatedText text={`Grouped by ${by}`} />}
        </Button>
      }
    >
      <MenuRadioGroup
        value={by ?? ''}
        onChange={(key) => onChange({ group: key === '' ? undefined : key })}
        options={[
          { value: '', label: 'No grouping' },
          ...[...new Set([...keys, ...(by === undefined ? [] : [by])])].map((key) => ({ value: key, label: key })),
        ]}
      />
    </Menu>
  );
}

/** The hosts and containers by the value of a label. A value is a link to its hosts. */
export function HostGroups({ by, hostLabel }: { by: string; hostLabel: string[] | undefined }): ReactNode {
  const { data, error, refetch } = useQuery(hostGroupsQuery(by, hostLabel));
  const { data: availability } = useQuery(availabilityGroupsQuery(by, hostLabel, '7d'));
  const ratios = new Map(availability?.groups.map(({ value, ratio }) => [value, ratio]));
  if (data === undefined) {
    return error === null ? <Loading what="groups" /> : <ErrorNote error={error} onRetry={() => void refetch()} />;
  }
  const filterOf = (value: string | null): HostSearch | null =>
    value === null ? null : { group: undefined, hostLabel: [...(hostLabel ?? []), `${by}=${value}`] };
  if (data.groups.length === 0) return <EmptyState title="No matching hosts" />;
  return (
    <div className="table host-groups" tabIndex={0} role="region" aria-label={`Hosts by ${by}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <IsolatedText text={by} />
            </th>
            <th scope="col" className="is-number">
              Hosts
            </th>
            <th scope="col" className="is-number">
              Not online
            </th>
            <th scope="col" className="is-number">
              Available, 7 days
            </th>
            <th scope="col" className="is-number">
              Containers
            </th>
            <th scope="col" className="is-number">
              Running
            </th>
          </tr>
        </thead>
        <tbody>
          {data.groups.map((group) => (
            <GroupRow
              key={group.value === null ? 'none' : `=${group.value}`}
              group={group}
              ratio={ratios.get(group.value)}
              filter={filterOf(group.value)}
            >
              {group.value === null ? (
                <span className="soft">Without this label</span>
              ) : (
                <FilterLink filter={filterOf(group.value)!} title={`Show only hosts with ${by}=${group.value}`}>
                  <IsolatedText text={group.value === '' ? '(empty)' : group.value} />
                </FilterLink>
              )}
            </GroupRow>
          ))}
          {data.other !== null && (
            <GroupRow group={data.other} ratio={undefined} filter={null}>
              <span className="soft">All other values</span>
            </GroupRow>
          )}
        </tbody>
      </table>
    </div>
  );
}

/**
 * `ratio` is the availability. It is null if the availability is unknown, and undefined if it was not requested.
 * `filter` finds the hosts of the group; null if no filter does.
 */
function GroupRow({
  group: { hosts, containers },
  ratio,
  filter,
  children,
}: {
  group: Omit<HostGroup, 'value'>;
  ratio: number | null | undefined;
  filter: HostSearch | null;
  children: ReactNode;
}) {
  const absentCount = hosts.total - hosts.byFreshness.online;
  return (
    <tr>
      <td>{children}</td>
      <td className="is-number">{formatNumber(hosts.total)}</td>
      <td className="is-number">
        {filter === null || absentCount === 0 ? (
          formatNumber(absentCount)
        ) : (
          <FilterLink filter={{ ...filter, freshness: NOT_ONLINE }} title="Show only these hosts">
            {formatNumber(absentCount)}
          </FilterLink>
        )}
      </td>
      <td className="is-number">{ratio === undefined ? '' : formatAvailability(ratio)}</td>
      <td className="is-number">{formatNumber(containers.current.total)}</td>
      <td className="is-number">{formatNumber(containers.current.byState['running'] ?? 0)}</td>
    </tr>
  );
}
