import { useQuery } from '@tanstack/react-query';
import { Button } from '../../components/button';
import { FilterChip } from '../../components/filter-chip';
import { FilterMenu } from '../../components/filter-menu';
import { HostLabelFilter } from '../../components/host-label-filter';
import { MenuSeparator } from '../../components/menu';
import { MultiSelect } from '../../components/multi-select';
import { hostFacetsQuery } from '../../lib/api/queries';
import { useContainerStates } from '../../lib/container-states';
import { FRESHNESS } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { createHostChips, NO_HOST_FILTERS } from './filters';
import { FRESHNESS_VALUES, PROBLEM_CODES, type HostSearch } from './search';

type ChangeSearch = (changes: HostSearch) => void;

/** The active filters of the hosts page, each with a button that removes it, and the menu that adds filters. */
export function HostFilterBar({ search, onChange }: { search: HostSearch; onChange: ChangeSearch }) {
  const chips = createHostChips(search);
  return (
    <div className="chips" role="group" aria-label="Filters">
      <AddFilterMenu search={search} onChange={onChange} />
      <HostLabelFilter labels={search.hostLabel} onChange={(hostLabel) => onChange({ hostLabel })} />
      {chips.map(({ key, change, ...label }) => (
        <FilterChip key={key} {...label} onRemove={() => onChange(change)} />
      ))}
      {chips.length + (search.hostLabel?.length ?? 0) > 1 && (
        <Button kind="quiet" onClick={() => onChange(NO_HOST_FILTERS)}>
          Clear all
        </Button>
      )}
    </div>
  );
}

function AddFilterMenu({ search, onChange }: { search: HostSearch; onChange: ChangeSearch }) {
  const states = useContainerStates();
  return (
    <FilterMenu>
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
        options={states}
        selected={search.state}
        onChange={(state) => onChange({ state })}
        labelOf={(state) => state}
      />
      <FacetFilters search={search} onChange={onChange} />
    </FilterMenu>
  );
}

/**
 * The filters by engine and agent version. The menu mounts this component each time it opens, so that the offered
 * values are current.
 */
function FacetFilters({ search, onChange }: { search: HostSearch; onChange: ChangeSearch }) {
  const { data: facets } = useQuery(hostFacetsQuery);
  if (facets === undefined) return null;
  return (
    <>
      <MenuSeparator />
      <MultiSelect
        label="Engine"
        options={facets.engines.values.map(({ value }) => value)}
        selected={search.engine}
        onChange={(engine) => onChange({ engine })}
        labelOf={(engine) => engine}
      />
      <MenuSeparator />
      <MultiSelect
        label="Agent version"
        options={facets.agentVersions.values.map(({ value }) => value)}
        selected={search.agentVersion}
        onChange={(agentVersion) => onChange({ agentVersion })}
        labelOf={(agentVersion) => agentVersion}
      />
    </>
  );
}
