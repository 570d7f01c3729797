import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, type ReactNode } from 'react';
import { api } from '../../lib/api/client';
import { Button } from '../../components/button';
import { formatNumber } from '../../lib/format-count';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { InfraToggle } from '../../components/infra';
import { FilterInput } from '../../components/filter-input';
import { Menu, MenuItem } from '../../components/menu';
import { RefreshListButton } from '../../components/refresh-list-button';
import { useTitle } from '../../lib/title';
import { Icon } from '../../components/icons';
import { ContainerTable } from './container-table';
import { FilterBar, LayoutMenus } from './filter-bar';
import { IncompleteNote } from './incomplete-note';
import { COLUMNS_DEFAULT, type ContainerSearch } from './search';
import { sortPropsOf, toFilters } from './sort';
import { useContainerList } from './use-container-list';
import { useInfraCount } from './use-infra-count';

/** The groups are loaded when they are shown, because the page's first load has a limit. */
const ContainerGroups = lazy(async () => ({ default: (await import('./container-groups')).ContainerGroups }));

const route = getRouteApi('/signed-in/containers');

/** The containers of all hosts in one table. The URL contains the filters and the layout of the table. */
export function ContainersPage(): ReactNode {
  useTitle('Containers');
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/containers' });
  const updateSearch = useCallback(
    (changes: Partial<ContainerSearch>): void => {
      void navigate({
        to: '/containers',
        search: (previous) => ({ ...previous, ...changes }),
        replace: true,
        resetScroll: false,
      });
    },
    [navigate],
  );
  return (
    <div className="fill">
      <header className="page-head">
        <h1>Containers</h1>
        <FilterInput
          label="Filter by name, image, command or ID"
          value={search.q ?? ''}
          onChange={(q) => updateSearch({ q: q === '' ? undefined : q })}
        />
        <div className="chips">
          <LayoutMenus search={search} onChange={updateSearch} />
          <ExportMenu search={search} />
        </div>
      </header>
      <FilterBar search={search} onChange={updateSearch} />
      {search.group === undefined ? (
        <ContainerList search={search} onChange={updateSearch} />
      ) : (
        <Suspense fallback={<Loading what="groups" />}>
          <ContainerGroups group={search.group} search={search} onChange={updateSearch} />
        </Suspense>
      )}
    </div>
  );
}

function ContainerList({
  search,
  onChange,
}: {
  search: ContainerSearch;
  onChange: (changes: Partial<ContainerSearch>) => void;
}) {
  const { list, queryKey, rows, total, totalMin, isIncomplete, isSearching, loadNextPage, onNearEnd } =
    useContainerList({
      ...toFilters(search),
      count: true,
    });
  const infraCount = useInfraCount(search);
  if (list.isError && rows === undefined) {
    return <ErrorNote error={list.error} onRetry={() => void list.refetch()} />;
  }
  if (rows === undefined || (isSearching && !list.isFetchNextPageError)) return <Loading what="containers" />;
  const infraToggle = infraCount !== null && (
    <InfraToggle
      count={infraCount}
      isShown={search.infra === true}
      onChange={(isShown) => onChange({ infra: isShown || undefined })}
    />
  );
  if (total === 0) {
    return (
      <>
        <EmptyList search={search} />
        <p className="list-note soft">{infraToggle}</p>
      </>
    );
  }
  return (
    <>
      <p className="list-note soft" role="status">
        {formatNumber(totalMin)}
        {total === -1 && '+'} {total === 1 ? 'container' : 'containers'}
        {list.isPlaceholderData && ' · updating…'}
        {infraToggle}
        <RefreshListButton list={list} queryKey={queryKey} />
      </p>
      <ErrorNote error={list.isFetchNextPageError ? list.error : null} onRetry={() => void list.fetchNextPage()} />
      {isIncomplete && <IncompleteNote isBusy={list.isFetchingNextPage} onContinue={loadNextPage} />}
      <ContainerTable
        label="Containers"
        rows={rows}
        total={total}
        shownColumns={search.columns ?? COLUMNS_DEFAULT}
        {...sortPropsOf(search, onChange)}
        onNearEnd={onNearEnd}
      />
    </>
  );
}

function EmptyList({ search }: { search: ContainerSearch }) {
  const isFiltered = Object.values(toFilters({ ...search, sort: undefined })).some((value) => value !== undefined);
  return isFiltered ? (
    <EmptyState title="No matching containers">
      <p>Remove a filter or shorten the search. The search covers names, images, commands and the start of IDs.</p>
    </EmptyState>
  ) : (
    <EmptyState title="No containers">
      <p>No containers reported yet.</p>
    </EmptyState>
  );
}

function ExportMenu({ search }: { search: ContainerSearch }) {
  const { sort: _sort, ...filters } = toFilters(search);
  const exportAs = (format: 'csv' | 'ndjson') =>
    window.location.assign(api.urlOf('exportContainers', { query: { ...filters, format } }));
  return (
    <Menu
      trigger={
        <Button>
          <Icon name="export" />
          Export
        </Button>
      }
    >
      <MenuItem onSelect={() => exportAs('csv')}>CSV, for a spreadsheet</MenuItem>
      <MenuItem onSelect={() => exportAs('ndjson')}>NDJSON, for a program</MenuItem>
    </Menu>
  );
}
