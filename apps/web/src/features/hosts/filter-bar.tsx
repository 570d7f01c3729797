import { useQuery } from '@tanstack/react-query';
import { Button } from '../../components/button';
import { FilterChip } from '../../components/filter-chip';
import { Icon } from '../../components/icons';
import { Menu, MenuSeparator } from '../../components/menu';
import { MultiSelect } from '../../components/multi-select';
import { summaryQuery } from '../../lib/api/queries';
import { FRESHNESS, STATE_ORDER } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { createHostChips, NO_HOST_FILTERS } from './filters';
import { FRESHNESS_VALUES, PROBLEM_CODES, type HostSearch } from './search';

type ChangeSearch = (changes: HostSearch) => void;

/** The active filters of the hosts page, each with a button that removes it, and the menu that adds filters. */
export function HostFilterBar({ search, onChange }: { search: HostSearch; onChange: ChangeSearch }) {
  const chips = createHostChips(search);
  return (
    <div className="chips" role="group" aria-label="Filters">
      <FilterMenu search={search} onChange={onChange} />
      {chips.map(({ key, change, ...label }) => (
        <FilterChip key={key} {...label} onRemove={() => onChange(change)} />
      ))}
      {chips.length > 1 && (
        <Button kind="quiet" onClick={() => onChange(NO_HOST_FILTERS)}>
          Clear all
        </Button>
      )}
    </div>
  );
}

function FilterMenu({ search, onChange }: { search: HostSearch; onChange: ChangeSearch }) {
  const { data: summary } = useQuery(summaryQuery);
  // An engine that is newer than Muster may report states that are not in STATE_ORDER.
  const reportedStates = [summary?.containers.current, summary?.containers.lastKnown].flatMap((counts) =>
    Object.keys(counts?.byState ?? {}),
  );
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="chip">
          <Icon name="add" />
          Filter
        </button>
      }
    >
      <MultiSelect
        label="Status"
        options={FRESHNESS_VALUES}
        selected={search.freshness}
        onChange={(freshness) => onChange({ freshness })}
        labelOf={(freshness) => FRESHNESS[freshness].label}
      />
      <MenuSeparator />
      <MultiSelect
        label="Problem"
        options={PROBLEM_CODES}
        selected={search.problem}
        onChange={(problem) => onChange({ problem })}
        labelOf={(code) => PROBLEM_TITLES[code]}
      />
      <MenuSeparator />
      <MultiSelect
        label="Has containers that are"
        options={[...new Set([...STATE_ORDER, ...reportedStates])]}
        selected={search.state}
        onChange={(state) => onChange({ state })}
        labelOf={(state) => state}
      />
    </Menu>
  );
}
