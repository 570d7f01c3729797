import { HOST_SORT_KEYS, type Host, type HostSortKey } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useCallback, useMemo, useRef, useState, type ReactNode } from 'react';
import { Button } from '../../components/button';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { FilterInput } from '../../components/filter-input';
import { RefreshListButton } from '../../components/refresh-list-button';
import { VirtualTable } from '../../components/virtual-table';
import { hostFacetsQuery } from '../../lib/api/queries';
import { formatCount, formatNumber } from '../../lib/format-count';
import { useCanEdit } from '../../lib/session';
import { useTitle } from '../../lib/title';
import { WorstHosts } from '../availability/worst-hosts';
import { EDITABLE_HOST_COLUMNS, HOST_COLUMN_DEFINITIONS, HOST_COLUMNS } from './columns';
import { DeleteHostsDialog } from './delete-hosts';
import { HostFilterBar } from './filter-bar';
import { FilterLinkContext, useFilterLinks } from './filter-link';
import { isFiltered, NO_HOST_FILTERS } from './filters';
import { GroupMenu, HostGroups } from './host-groups';
import { LabelHostsDialog } from './label-hosts';
import { hostSort, nextHostSort, type HostSearch } from './search';
import { EMPTY_SELECTION, rowsBetween, select, selectedPart, type Selection } from './selection';
import { SelectionContext } from './selection-context';
import { useHostList } from './use-host-list';

const route = getRouteApi('/signed-in/hosts');
const idOf = ({ id }: Host): string => id;

/**
 * All hosts in one table. The URL contains the table's filters and sort order. The API does the filtering and sorting.
 */
export function HostsPage(): ReactNode {
  useTitle('Hosts');
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/hosts' });
  const updateSearch = useCallback(
    (changes: HostSearch): void =>
      void navigate({
        to: '/hosts',
        search: (previous) => ({ ...previous, ...changes }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return (
    <div className="fill">
      <header className="page-head">
        <h1>Hosts</h1>
        <FilterInput
          label="Filter by name or ID"
          value={search.q ?? ''}
          onChange={(q) => updateSearch({ q: q === '' ? undefined : q })}
        />
      </header>
      <HostFilterBar search={search} onChange={updateSearch} />
      <WorstHosts filters={{ hostLabel: search.hostLabel }} />
      {search.group === undefined ? (
        <HostList search={search} onChange={updateSearch} />
      ) : (
        <GroupedHosts search={search} by={search.group} onChange={updateSearch} />
      )}
    </div>
  );
}

/** The hosts grouped by a label. The groups take only the filter by labels into account. */
function GroupedHosts({
  search,
  by,
  onChange,
}: {
  search: HostSearch;
  by: string;
  onChange: (changes: HostSearch) => void;
}) {
  const filterLinks = useFilterLinks(search);
  const { hostLabel, group, sort, ...otherFilters } = search;
  const isFilteredOtherwise = Object.values(otherFilters).some((value) => value !== undefined);
  return (
    <>
      <div className="list-note selection-bar soft">
        {isFilteredOtherwise && <p>Only the filter by labels applies to groups.</p>}
        <GroupMenu by={group} onChange={onChange} />
      </div>
      <FilterLinkContext value={filterLinks}>
        <HostGroups by={by} hostLabel={hostLabel} />
      </FilterLinkContext>
    </>
  );
}

/** The number of hosts whose agent is older than the server's release, as a button that shows only these hosts. */
function OutdatedAgents({ onChange }: { onChange: (changes: HostSearch) => void }) {
  const { data: facets } = useQuery(hostFacetsQuery);
  const outdated = facets?.agentVersions.values.filter(({ isOutdated }) => isOutdated) ?? [];
  if (outdated.length === 0) return null;
  const count = outdated.reduce((sum, { hosts }) => sum + hosts, 0);
  return (
    <Button kind="quiet" onClick={() => onChange({ agentVersion: outdated.map(({ value }) => value) })}>
      {formatCount(count, 'outdated agent')}
    </Button>
  );
}

function HostList({ search, onChange }: { search: HostSearch; onChange: (changes: HostSearch) => void }) {
  const { group, ...filters } = search;
  const { list, queryKey, rows, total, onNearEnd } = useHostList(filters);
  const canEdit = useCanEdit();
  const [selection, setSelection] = useState(EMPTY_SELECTION);
  const [hostsToLabel, setHostsToLabel] = useState<readonly Host[] | null>(null);
  const [hostsToDelete, setHostsToDelete] = useState<readonly Host[] | null>(null);
  const selecting = useSelecting(rows, selection, setSelection);
  const filterLinks = useFilterLinks(search);
  /** Loads the other pages of the list, and selects all of its hosts. */
  const selectAll = async (): Promise<void> => {
    let loaded = await list.fetchNextPage();
    while (loaded.hasNextPage && !loaded.isError) loaded = await loaded.fetchNextPage();
    const hosts = loaded.data?.pages.flatMap(({ items }) => items) ?? [];
    setSelection((current) => select(current, hosts, true));
  };
  if (list.isError && rows === undefined) {
    return <ErrorNote error={list.error} onRetry={() => void list.refetch()} />;
  }
  if (rows === undefined) return <Loading what="hosts" />;
  return (
    <SelectionContext value={selecting}>
      <div className="list-note selection-bar soft">
        <p role="status">
          {formatCount(total, 'host')}
          {list.isPlaceholderData && ' · updating…'}
          {selection.size > 0 && ` · ${formatNumber(selection.size)} selected`}
        </p>
        {selection.size > 0 && (
          <>
            <Button onClick={() => setHostsToLabel([...selection.values()])}>Labels…</Button>
            <Button kind="danger" onClick={() => setHostsToDelete([...selection.values()])}>
              Delete…
            </Button>
            {selecting.part === 'all' && list.hasNextPage && (
              <Button kind="quiet" busy={list.isFetchingNextPage} onClick={() => void selectAll()}>
                Select all {formatNumber(total)}
              </Button>
            )}
            <Button kind="quiet" onClick={() => setSelection(EMPTY_SELECTION)}>
              Clear selection
            </Button>
          </>
        )}
        <OutdatedAgents onChange={onChange} />
        <GroupMenu by={group} onChange={onChange} />
        <RefreshListButton list={list} queryKey={queryKey} />
      </div>
      <ErrorNote error={list.isFetchNextPageError ? list.error : null} onRetry={() => void list.fetchNextPage()} />
      {rows.length === 0 ? (
        <NoHosts search={search} onChange={onChange} />
      ) : (
        <FilterLinkContext value={filterLinks}>
          <VirtualTable
            label="Hosts"
            className="grid-hosts"
            rows={rows}
            total={total}
            columns={canEdit ? EDITABLE_HOST_COLUMNS : HOST_COLUMNS}
            definitions={HOST_COLUMN_DEFINITIONS}
            keyOf={idOf}
            sort={hostSort(search)}
            sortKeys={HOST_SORT_KEYS}
            onSort={(key: HostSortKey) => onChange({ sort: nextHostSort(search, key) })}
            onNearEnd={onNearEnd}
          />
        </FilterLinkContext>
      )}
      {hostsToLabel !== null && <LabelHostsDialog hosts={hostsToLabel} onClose={() => setHostsToLabel(null)} />}
      {hostsToDelete !== null && (
        <DeleteHostsDialog
          hosts={hostsToDelete}
          onDeleted={(hosts) => setSelection((current) => select(current, hosts, false))}
          onClose={() => setHostsToDelete(null)}
        />
      )}
    </SelectionContext>
  );
}

/** Returns the value of `SelectionContext`, with which the checkboxes show and change the selection. */
function useSelecting(
  rows: readonly Host[] | undefined,
  selection: Selection,
  setSelection: (update: (selection: Selection) => Selection) => void,
) {
  const anchorId = useRef<string | null>(null);
  return useMemo(() => {
    const loadedRows = rows ?? [];
    return {
      selection,
      part: selectedPart(loadedRows, selection),
      onSelect: (host: Host, isSelected: boolean, isRange: boolean): void => {
        const hosts = isRange ? rowsBetween(loadedRows, anchorId.current, host.id) : [host];
        anchorId.current = host.id;
        setSelection((current) => select(current, hosts, isSelected));
      },
      onSelectAll: (isSelected: boolean): void => setSelection((current) => select(current, loadedRows, isSelected)),
    };
  }, [rows, selection, setSelection]);
}

function NoHosts({ search, onChange }: { search: HostSearch; onChange: (changes: HostSearch) => void }) {
  return isFiltered(search) ? (
    <EmptyState title="No matching hosts">
      <Button onClick={() => onChange(NO_HOST_FILTERS)}>Remove all filters</Button>
    </EmptyState>
  ) : (
    <EmptyState title="No hosts yet">
      <p>Hosts appear here after they are enrolled.</p>
    </EmptyState>
  );
}
