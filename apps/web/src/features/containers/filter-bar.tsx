import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { hostQuery, summaryQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { FilterChip } from '../../components/filter-chip';
import { IsolatedText } from '../../components/isolated-text';
import { Menu, MenuCheck, MenuChoice, MenuLabel, MenuRule } from '../../components/menu';
import { Icon } from '../../components/icons';
import { CURRENT_FRESHNESS, FRESHNESS, HOST_FRESHNESS, LAST_KNOWN_FRESHNESS, STATE_ORDER } from '../../lib/container-status';
import { COLUMN_FACTS } from './columns';
import { COLUMNS, COLUMNS_DEFAULT, GROUPS, type ContainerSearch } from './search';

type Change = (change: Partial<ContainerSearch>) => void;

/** What narrows the list, as chips that can be taken off, and what adds more. */
export function FilterBar({ search, onChange }: { search: ContainerSearch; onChange: Change }) {
  const chips = chipsOf(search);
  return (
    <div className="chips" role="group" aria-label="Filters">
      <StateMenu search={search} onChange={onChange} />
      <LabelFilter search={search} onChange={onChange} />
      {search.hostId?.map((hostId) => (
        <HostChip key={hostId} hostId={hostId} onRemove={() => onChange({ hostId: without(search.hostId, hostId) })} />
      ))}
      {chips.map(({ key, change, ...words }) => (
        <FilterChip key={key} {...words} onRemove={() => onChange(change)} />
      ))}
      {chips.length + (search.hostId?.length ?? 0) > 1 && (
        <Button kind="quiet" onClick={() => onChange(NO_FILTERS)}>
          Clear all
        </Button>
      )}
    </div>
  );
}

const NO_FILTERS: Partial<ContainerSearch> = {
  q: undefined,
  hostId: undefined,
  hostFreshness: undefined,
  state: undefined,
  health: undefined,
  image: undefined,
  label: undefined,
  presence: undefined,
};

const without = <T extends string>(values: readonly T[] | undefined, value: T): T[] | undefined => {
  const rest = values?.filter((other) => other !== value) ?? [];
  return rest.length === 0 ? undefined : rest;
};

/** One chip for what the fleet's page counts together, else one for each word. */
function freshnessChips({ hostFreshness = [] }: ContainerSearch) {
  const isJust = (words: readonly string[]): boolean =>
    hostFreshness.length === words.length && words.every((word) => (hostFreshness as readonly string[]).includes(word));
  const all = { hostFreshness: undefined };
  if (isJust(CURRENT_FRESHNESS)) return [{ key: 'current', words: 'known now', change: all }];
  if (isJust(LAST_KNOWN_FRESHNESS)) return [{ key: 'last known', words: 'last known', change: all }];
  return hostFreshness.map((word) => ({
    key: `freshness ${word}`,
    words: `host ${FRESHNESS[word].words}`,
    change: { hostFreshness: without(hostFreshness, word) },
  }));
}

interface ChipFacts {
  key: string;
  words: string;
  text?: string;
  change: Partial<ContainerSearch>;
}

function chipsOf(search: ContainerSearch): ChipFacts[] {
  const { q, presence } = search;
  return [
    ...(q === undefined ? [] : [{ key: 'q', words: '', text: `“${q}”`, change: { q: undefined } }]),
    ...freshnessChips(search),
    ...(['state', 'health', 'image', 'label'] as const).flatMap((name) =>
      (search[name] ?? []).map((value) => ({
        key: `${name} ${value}`,
        words: name,
        text: value,
        change: { [name]: without(search[name], value) },
      })),
    ),
    ...(presence === undefined
      ? []
      : [
          {
            key: 'presence',
            words: presence === 'all' ? 'removed too' : 'removed only',
            change: { presence: undefined },
          },
        ]),
  ];
}

function HostChip({ hostId, onRemove }: { hostId: string; onRemove: () => void }) {
  const { data } = useQuery(hostQuery(hostId));
  return <FilterChip words="host" text={data?.name ?? '…'} onRemove={onRemove} />;
}

const HEALTHS = ['healthy', 'unhealthy', 'starting'] as const;

function StateMenu({ search, onChange }: { search: ContainerSearch; onChange: Change }) {
  const { data: summary } = useQuery(summaryQuery);
  // An engine newer than this page may have states that it does not know.
  const told = [summary?.containers.current, summary?.containers.lastKnown].flatMap((counts) =>
    Object.keys(counts?.byState ?? {}),
  );
  const states = [...new Set([...STATE_ORDER, ...told])];
  return (
    <Menu
      align="start"
      trigger={
        <button type="button" className="chip">
          <Icon name="add" />
          State
        </button>
      }
    >
      <AnyOf
        label="State"
        options={states}
        chosen={search.state}
        onChange={(state) => onChange({ state })}
        wordsOf={(state) => state}
      />
      <MenuRule />
      <AnyOf
        label="Health check"
        options={HEALTHS}
        chosen={search.health}
        onChange={(health) => onChange({ health })}
        wordsOf={(health) => health}
      />
      <MenuRule />
      <AnyOf
        label="Host"
        options={HOST_FRESHNESS}
        chosen={search.hostFreshness}
        onChange={(hostFreshness) => onChange({ hostFreshness })}
        wordsOf={(freshness) => FRESHNESS[freshness].words}
      />
      <MenuRule />
      <MenuLabel>Removed containers</MenuLabel>
      <MenuChoice
        value={search.presence ?? 'present'}
        onChange={(presence) => onChange({ presence: presence === 'present' ? undefined : presence })}
        options={[
          { value: 'present', label: 'leave out' },
          { value: 'all', label: 'show too' },
          { value: 'removed', label: 'show only' },
        ]}
      />
    </Menu>
  );
}

/** Part of a menu: any number of these, and none means all. */
function AnyOf<T extends string>({
  label,
  options,
  chosen,
  onChange,
  wordsOf,
}: {
  label: string;
  options: readonly T[];
  chosen: readonly T[] | undefined;
  onChange: (chosen: T[] | undefined) => void;
  wordsOf: (option: T) => string;
}) {
  return (
    <>
      <MenuLabel>{label}, any of</MenuLabel>
      {options.map((option) => (
        <MenuCheck
          key={option}
          checked={chosen?.includes(option) ?? false}
          onChange={(on) => onChange(on ? [...(chosen ?? []), option] : without(chosen, option))}
        >
          <IsolatedText text={wordsOf(option)} />
        </MenuCheck>
      ))}
    </>
  );
}

function LabelFilter({ search, onChange }: { search: ContainerSearch; onChange: Change }) {
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

const GROUP_WORDS = { project: 'by compose project', image: 'by image', host: 'by host' } as const;

/** How the list is laid out: its groups, and which columns. */
export function LayoutMenus({ search, onChange }: { search: ContainerSearch; onChange: Change }) {
  const shown = search.columns ?? COLUMNS_DEFAULT;
  return (
    <div className="chips">
      <Menu
        trigger={
          <Button>
            <Icon name="group" />
            {search.group === undefined ? 'Group' : GROUP_WORDS[search.group]}
          </Button>
        }
      >
        <MenuChoice
          value={search.group ?? 'none'}
          onChange={(group) => onChange({ group: group === 'none' ? undefined : group })}
          options={[
            { value: 'none', label: 'one list' },
            ...GROUPS.map((group) => ({ value: group, label: GROUP_WORDS[group] })),
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
          <MenuCheck
            key={id}
            checked={shown.includes(id)}
            onChange={(on) =>
              onChange({ columns: COLUMNS.filter((other) => (other === id ? on : shown.includes(other))) })
            }
          >
            {COLUMN_FACTS[id].title}
          </MenuCheck>
        ))}
        <MenuRule />
        <MenuCheck checked={search.columns === undefined} onChange={() => onChange({ columns: undefined })}>
          As they were
        </MenuCheck>
      </Menu>
    </div>
  );
}
