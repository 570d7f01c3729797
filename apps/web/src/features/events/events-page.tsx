import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api } from '../../lib/api/client';
import { eventsQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { EmptyState } from '../../components/empty-state';
import { FilterChip } from '../../components/filter-chip';
import { HostFilter } from '../../components/host-filter';
import { HostLabelFilter } from '../../components/host-label-filter';
import { ListStates } from '../../components/list-states';
import { Menu, MenuCheckbox, MenuItem, MenuSeparator } from '../../components/menu';
import { RefreshListButton } from '../../components/refresh-list-button';
import { useTitle } from '../../lib/title';
import { Icon } from '../../components/icons';
import { MultiSelect } from '../../components/multi-select';
import { EVENT_KINDS, formatEventKind } from '../../lib/format-event';
import { EXIT_REASON_TITLES, EXIT_REASONS } from '../../lib/format-exit';
import { removeValue } from '../../lib/search-params';
import { EventDays } from './event-days';
import { HostEvents } from './host-events';
import type { EventSearch } from './search';
import { SubjectSwitch } from './subject-switch';

const WORKLOAD_FILTERS = [
  ['project', 'Project:'],
  ['service', 'Service:'],
  ['instance', 'Instance:'],
] as const;

const route = getRouteApi('/signed-in/events');

/** The page with the events of all containers or of all hosts, newest first. */
export function EventsPage(): ReactNode {
  useTitle('Events');
  const search = route.useSearch();
  const navigate = useNavigate({ from: '/events' });
  const updateSearch = (changes: Partial<EventSearch>): void =>
    void navigate({ to: '/events', search: (previous) => ({ ...previous, ...changes }), replace: true });
  const Events = search.subject === 'host' ? HostEvents : ContainerEvents;
  return <Events search={search} onChange={updateSearch} />;
}

/** The events of all containers, newest first. */
function ContainerEvents({
  search,
  onChange: updateSearch,
}: {
  search: EventSearch;
  onChange: (changes: Partial<EventSearch>) => void;
}) {
  const filters = { ...search, subject: undefined, hostKind: undefined };
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  const query = eventsQuery(filters, 100);
  const list = useInfiniteQuery(query);
  const exportAs = (format: 'csv' | 'ndjson'): void =>
    window.location.assign(api.urlOf('exportEvents', { query: { ...filters, format } }));
  return (
    <>
      <header className="page-head">
        <h1>Events</h1>
        <SubjectSwitch search={search} />
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
      </header>
      <div className="chips" role="group" aria-label="Filters">
        <Menu
          align="start"
          trigger={
            <button type="button" className="chip">
              <Icon name="add" />
              Event type
            </button>
          }
        >
          {EVENT_KINDS.map((kind) => (
            <MenuCheckbox
              key={kind}
              checked={search.kind?.includes(kind) ?? false}
              onChange={(checked) =>
                updateSearch({ kind: checked ? [...(search.kind ?? []), kind] : removeValue(search.kind, kind) })
              }
            >
              {formatEventKind(kind)}
            </MenuCheckbox>
          ))}
          <MenuSeparator />
          <MultiSelect
            label="Exit reason"
            options={EXIT_REASONS}
            selected={search.exitReason}
            onChange={(exitReason) => updateSearch({ exitReason })}
            labelOf={(reason) => EXIT_REASON_TITLES[reason]}
          />
        </Menu>
        <HostFilter hostIds={search.hostId} onChange={(hostId) => updateSearch({ hostId })} />
        <HostLabelFilter labels={search.hostLabel} onChange={(hostLabel) => updateSearch({ hostLabel })} />
        {search.kind?.map((kind) => (
          <FilterChip
            key={kind}
            label={formatEventKind(kind)}
            onRemove={() => updateSearch({ kind: removeValue(search.kind, kind) })}
          />
        ))}
        {search.exitReason?.map((reason) => (
          <FilterChip
            key={reason}
            label={`Exit reason: ${EXIT_REASON_TITLES[reason]}`}
            onRemove={() => updateSearch({ exitReason: removeValue(search.exitReason, reason) })}
          />
        ))}
        {search.name !== undefined && (
          <FilterChip label="Container:" text={search.name} onRemove={() => updateSearch({ name: undefined })} />
        )}
        {WORKLOAD_FILTERS.flatMap(([name, label]) =>
          (search[name] ?? []).map((value) => (
            <FilterChip
              key={`${name} ${value}`}
              label={label}
              text={value}
              onRemove={() => updateSearch({ [name]: removeValue(search[name], value) })}
            />
          )),
        )}
        <RefreshListButton list={list} queryKey={query.queryKey} />
      </div>
      <ListStates
        list={list}
        what="events"
        empty={<EmptyState title={isFiltered ? 'No events match these filters' : 'No events'} />}
      >
        {(items) => <EventDays events={items} parent="page" />}
      </ListStates>
    </>
  );
}
