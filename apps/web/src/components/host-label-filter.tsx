import { useQuery } from '@tanstack/react-query';
import { useId, useRef, useState } from 'react';
import { hostFacetsQuery } from '../lib/api/queries';
import { labelKeys, trimLabel } from '../lib/host-labels';
import { removeValue } from '../lib/search-params';
import { FilterChip } from './filter-chip';
import { Icon } from './icons';

/**
 * A filter by labels of hosts. It has a chip for each selected label, which removes the label, and a field that adds a
 * label. A host must have all of the labels.
 */
export function HostLabelFilter({
  labels,
  onChange,
}: {
  labels: readonly string[] | undefined;
  onChange: (labels: string[] | undefined) => void;
}) {
  const [isOpen, setOpen] = useState(false);
  const [isFocusRestored, setFocusRestored] = useState(false);
  return (
    <>
      {isOpen ? (
        <LabelInput
          onClose={(entry, restoresFocus) => {
            setFocusRestored(restoresFocus);
            setOpen(false);
            const label = trimLabel(entry);
            if (label !== '') onChange([...new Set([...(labels ?? []), label])]);
          }}
        />
      ) : (
        <button type="button" className="chip" autoFocus={isFocusRestored} onClick={() => setOpen(true)}>
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

/**
 * The field in which the user types or chooses a label. It offers the labels that most hosts have. The text applies
 * when the user chooses a label, presses Enter or leaves the field. Escape discards it.
 */
function LabelInput({ onClose }: { onClose: (entry: string, restoresFocus: boolean) => void }) {
  const [entry, setEntry] = useState('');
  const listId = useId();
  const isClosed = useRef(false);
  const { data: facets } = useQuery(hostFacetsQuery);
  const offered = labelKeys(facets).flatMap(({ key, values }) => [
    key,
    ...values.map(({ value }) => `${key}=${value}`),
  ]);
  // When the field is removed, a browser may also report that the field loses the focus.
  const close = (text: string, restoresFocus: boolean): void => {
    if (isClosed.current) return;
    isClosed.current = true;
    onClose(text, restoresFocus);
  };
  return (
    <form
      className="label-filter"
      onSubmit={(event) => {
        event.preventDefault();
        close(entry, true);
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
        onChange={({ target: { value }, nativeEvent }) => {
          setEntry(value);
          if (isReplacement(nativeEvent) && offered.includes(value)) close(value, true);
        }}
        onBlur={() => close(entry, false)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') close('', true);
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

/** Returns whether an event replaced the whole text, as the choice of an offered label does. */
const isReplacement = (event: Event): boolean =>
  !(event instanceof InputEvent) || event.inputType === '' || event.inputType === 'insertReplacementText';
