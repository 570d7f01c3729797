import { useState } from 'react';
import { Button } from '../../components/button';
import { FilterChip } from '../../components/filter-chip';
import { FilterMenu } from '../../components/filter-menu';
import { HostFilter } from '../../components/host-filter';
import { HostLabelFilter } from '../../components/host-label-filter';
import { Menu, MenuCheckbox, MenuRadioGroup, MenuLabel, MenuSeparator } from '../../components/menu';
import { MultiSelect } from '../../components/multi-select';
import { Icon } from '../../components/icons';
import { useContainerStates } from '../../lib/container-states';
import { FRESHNESS, HOST_FRESHNESS } from '../../lib/container-status';
import { EXIT_REASON_TITLES, EXIT_REASONS } from '../../lib/format-exit';
import { CONTAINER_PROBLEM_CODES, CONTAINER_PROBLEM_TITLES } from '../../lib/format-problem';
import { COLUMN_DEFINITIONS } from './columns';
import { createChips, NO_FILTERS } from './filters';
import { COLUMNS, COLUMNS_DEFAULT, GROUPS, type ContainerSearch } from './search';

type ChangeSearch = (changes: Partial<ContainerSearch>) => void;

/** The active filters, each with a button that removes it, and the controls that add filters. */
export function FilterBar({ search, onChange }: { search: ContainerSearch; onChange: ChangeSearch }) {
  const chips = createChips(search);
  return (
    <div className="chips" role="group" aria-label="Filters">
      <StateMenu search={search} onChange={onChange} />
      <LabelFilter search={search} onChange={onChange} />
      <HostFilter hostIds={search.hostId} onChange={(hostId) => onChange({ hostId })} />
      <HostLabelFilter labels={search.hostLabel} onChange={(hostLabel) => onChange({ hostLabel })} />
      {chips.map(({ key, change, ...label }) => (
        <FilterChip key={key} {...label} onRemove={() => onChange(change)} />
      ))}
      {chips.length + (search.hostId?.length ?? 0) + (search.hostLabel?.length ?? 0) > 1 && (
        <Button kind="quiet" onClick={() => onChange(NO_FILTERS)}>
          Clear all
        </Button>
      )}
    </div>
  );
}

const HEALTH_VALUES = ['healthy', 'unhealthy', 'starting'] as const;

function StateMenu({ search, onChange }: { search: ContainerSearch; onChange: ChangeSearch }) {
  const states = useContainerStates();
  return (
    <FilterMenu>
      <MultiSelect
        label="State"
        options={states}
        selected={search.state}
        onChange={(state) => onChange({ state })}
        labelOf={(state) => state}
      />
      <MenuSeparator />
      <MultiSelect
        label="Health check"
        options={HEALTH_VALUES}
        selected={search.health}
        onChange={(health) => onChange({ health })}
        labelOf={(health) => health}
      />
      <MenuSeparator />
      <MultiSelect
        label="Problem"
        options={CONTAINER_PROBLEM_CODES}
        selected={search.problem}
        onChange={(problem) => onChange({ problem })}
        labelOf={(code) => CONTAINER_PROBLEM_TITLES[code]}
      />
      <MenuSeparator />
      <MultiSelect
        label="Exit reason"
        options={EXIT_REASONS}
        selected={search.exitReason}
        onChange={(exitReason) => onChange({ exitReason })}
        labelOf={(reason) => EXIT_REASON_TITLES[reason]}
      />
      <MenuSeparator />
      <MultiSelect
        label="Host"
        options={HOST_FRESHNESS}
        selected={search.hostFreshness}
        onChange={(hostFreshness) => onChange({ hostFreshness })}
        labelOf={(freshness) => FRESHNESS[freshness].label}
      />
      <MenuSeparator />
      <MenuLabel>Removed containers</MenuLabel>
      <MenuRadioGroup
        value={search.presence ?? 'present'}
        onChange={(presence) => onChange({ presence: presence === 'present' ? undefined : presence })}
        options={[
          { value: 'present', label: 'Hide' },
          { value: 'all', label: 'Include' },
          { value: 'removed', label: 'Only' },
        ]}
      />
      <MenuSeparator />
      <MenuCheckbox checked={search.infra === true} onChange={(isShown) => onChange({ infra: isShown || undefined })}>
        Show infra containers
      </MenuCheckbox>
    </FilterMenu>
  );
}

function LabelFilter({ search, onChange }: { search: ContainerSearch; onChange: ChangeSearch }) {
  const [isOpen, setOpen] = useState(false);
  const [entry, setEntry] = useState('');
  if (!isOpen) {
    return (
      <button type="button" className="chip" onClick={() => setOpen(true)}>
        <Icon name="add" />
        Label
      </button>
    );
  }
  const close = (): void => {
    setOpen(false);
    setEntry('');
  };
  return (
    <form
      className="label-filter"
      onSubmit={(event) => {
        event.preventDefault();
        const label = entry.trim();
        if (label !== '') onChange({ label: [...(search.label ?? []), label] });
        close();
      }}
    >
      <input
        className="filter-input"
        autoFocus
        aria-label="Label, as key or key=value"
        placeholder="key or key=value"
        value={entry}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setEntry(event.target.value)}
        onBlur={close}
        onKeyDown={(event) => {
          if (event.key === 'Escape') close();
        }}
      />
    </form>
  );
}

const GROUP_LABELS = {
  project: 'Grouped by project',
  service: 'Grouped by service',
  image: 'Grouped by image',
  host: 'Grouped by host',
} as const;

/** The menus for grouping and columns. */
export function LayoutMenus({ search, onChange }: { search: ContainerSearch; onChange: ChangeSearch }) {
  const shownColumns = search.columns ?? COLUMNS_DEFAULT;
  return (
    <div className="chips">
      <Menu
        trigger={
          <Button>
            <Icon name="group" />
            {search.group === undefined ? 'Group' : GROUP_LABELS[search.group]}
          </Button>
        }
      >
        <MenuRadioGroup
          value={search.group ?? 'none'}
          onChange={(group) => onChange({ group: group === 'none' ? undefined : group })}
          options={[
            { value: 'none', label: 'No grouping' },
            ...GROUPS.map((group) => ({ value: group, label: GROUP_LABELS[group] })),
          ]}
        />
      </Menu>
      <Menu
        trigger={
          <Button>
            <Icon name="columns" />
            Columns
          </Button>
        }
      >
        {COLUMNS.map((id) => (
          <MenuCheckbox
            key={id}
            checked={shownColumns.includes(id)}
            onChange={(isShown) =>
              onChange({ columns: COLUMNS.filter((other) => (other === id ? isShown : shownColumns.includes(other))) })
            }
          >
            {COLUMN_DEFINITIONS[id].title}
          </MenuCheckbox>
        ))}
        <MenuSeparator />
        <MenuCheckbox checked={search.columns === undefined} onChange={() => onChange({ columns: undefined })}>
          Reset columns
        </MenuCheckbox>
      </Menu>
    </div>
  );
}
