import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { hostFacetsQuery } from '../lib/api/queries';
import { labelKeys } from '../lib/host-labels';
import { removeValue } from '../lib/search-params';
import { FilterChip } from './filter-chip';
import { Icon } from './icons';

/**
 * A filter by labels of hosts: a chip for each label in the filter, which removes it, and a field that adds a label. A
 * host must have all of the labels.
 */
export function HostLabelFilter({
  labels,
  onChange,
}: {
  labels: readonly string[] | undefined;
  onChange: (labels: string[] | undefined) => void;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      {isOpen ? (
        <LabelEntry
          onChoose={(label) => onChange([...new Set([...(labels ?? []), label])])}
          onClose={() => setOpen(false)}
        />
      ) : (
        <button type="button" className="chip" onClick={() => setOpen(true)}>
          <Icon name="add" />
          Host label
        </button>
      )}
      {labels?.map((label) => (
        <FilterChip
          key={label}
          label="Host label:"
          text={label}
          onRemove={() => onChange(removeValue(labels, label))}
        />
      ))}
    </>
  );
}

/** The field in which the user types or chooses a label. It offers the labels that most hosts have. */
function LabelEntry({ onChoose, onClose }: { onChoose: (label: string) => void; onClose: () => void }) {
  const [entry, setEntry] = useState('');
  const listId = useId();
  const { data: facets } = useQuery(hostFacetsQuery);
  const offered = labelKeys(facets).flatMap(({ key, values }) => [
    key,
    ...values.map(({ value }) => `${key}=${value}`),
  ]);
  return (
    <form
      className="label-filter"
      onSubmit={(event) => {
        event.preventDefault();
        if (entry.trim() !== '') onChoose(entry.trim());
        onClose();
      }}
    >
      <input
        className="filter-input"
        autoFocus
        aria-label="Host label, as key or key=value"
        placeholder="key or key=value"
        list={listId}
        value={entry}
        autoComplete="off"
        spellCheck={false}
        autoCapitalize="off"
        onChange={(event) => setEntry(event.target.value)}
        onBlur={onClose}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onClose();
        }}
      />
      <datalist id={listId}>
        {offered.map((label) => (
          <option key={label} value={label} />
        ))}
      </datalist>
    </form>
  );
}
