import { useInfiniteQuery } from '@tanstack/react-query';
import { Button } from '../../components/button';
import { EmptyState } from '../../components/empty-state';
import { FilterChip } from '../../components/filter-chip';
import { HostFilter } from '../../components/host-filter';
import { HostLabelFilter } from '../../components/host-label-filter';
import { Icon } from '../../components/icons';
import { ListStates } from '../../components/list-states';
import { Menu, MenuCheckbox, MenuItem } from '../../components/menu';
import { RefreshListButton } from '../../components/refresh-list-button';
import { api } from '../../lib/api/client';
import { allHostEventsQuery } from '../../lib/api/queries';
import { formatHostEventKind, HOST_EVENT_KINDS } from '../../lib/format-host-event';
import { removeValue } from '../../lib/search-params';
import { HostEventDays } from './host-event-days';
import type { EventSearch } from './search';
import { SubjectSwitch } from './subject-switch';

/** The events of all hosts, newest first. */
export function HostEvents({
  search,
  onChange,
}: {
  search: EventSearch;
  onChange: (changes: Partial<EventSearch>) => void;
}) {
  const { hostId, hostLabel, hostKind: kind } = search;
  const filters = { hostId, hostLabel, kind };
  const query = allHostEventsQuery(filters, 100);
  const list = useInfiniteQuery(query);
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  const exportAs = (format: 'csv' | 'ndjson'): void =>
    window.location.assign(api.urlOf('exportEvents', { query: { ...filters, subject: 'host', format } }));
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
          {HOST_EVENT_KINDS.map((each) => (
            <MenuCheckbox
              key={each}
              checked={kind?.includes(each) ?? false}
              onChange={(checked) =>
                onChange({ hostKind: checked ? [...(kind ?? []), each] : removeValue(kind, each) })
              }
            >
              {formatHostEventKind(each)}
            </MenuCheckbox>
          ))}
        </Menu>
        <HostFilter hostIds={hostId} onChange={(hostIds) => onChange({ hostId: hostIds })} />
        <HostLabelFilter labels={hostLabel} onChange={(labels) => onChange({ hostLabel: labels })} />
        {kind?.map((each) => (
          <FilterChip
            key={each}
            label={formatHostEventKind(each)}
            onRemove={() => onChange({ hostKind: removeValue(kind, each) })}
          />
        ))}
        <RefreshListButton list={list} queryKey={query.queryKey} />
      </div>
      <ListStates
        list={list}
        what="events"
        empty={<EmptyState title={isFiltered ? 'No events match these filters' : 'No events'} />}
      >
        {(items) => <HostEventDays events={items} showsHost parent="page" />}
      </ListStates>
    </>
  );
}
