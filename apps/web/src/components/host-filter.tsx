import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { isNotFound } from '../lib/api/client';
import { hostMatchesQuery, hostQuery } from '../lib/api/queries';
import { useDebounced } from '../lib/debounce';
import { distinctName } from '../lib/distinction';
import { sortExactFirst } from '../lib/sort-exact-first';
import { removeValue } from '../lib/search-params';
import { Combobox } from './combobox';
import { FilterChip } from './filter-chip';
import { HostOption } from './host-option';
import { Icon } from './icons';

/** Delay between the last key press and the search, in milliseconds. */
const DEBOUNCE_MS = 150;

/**
 * A filter by host. It has a chip for each selected host, which removes the host, and a field that adds a host by name.
 */
export function HostFilter({
  hostIds,
  onChange,
}: {
  hostIds: readonly string[] | undefined;
  onChange: (hostIds: string[] | undefined) => void;
}) {
  const [isOpen, setOpen] = useState(false);
  const [isFocusRestored, setFocusRestored] = useState(false);
  const close = (restoresFocus: boolean): void => {
    setFocusRestored(restoresFocus);
    setOpen(false);
  };
  return (
    <>
      {isOpen ? (
        <HostField
          onChoose={(hostId) => {
            onChange([...new Set([...(hostIds ?? []), hostId])]);
            close(true);
          }}
          onEscape={() => close(true)}
          onLeave={() => close(false)}
        />
      ) : (
        <button type="button" className="chip" autoFocus={isFocusRestored} onClick={() => setOpen(true)}>
          <Icon name="add" />
          Host
        </button>
      )}
      {hostIds?.map((hostId) => (
        <HostChip key={hostId} hostId={hostId} onRemove={() => onChange(removeValue(hostIds, hostId))} />
      ))}
    </>
  );
}

function HostChip({ hostId, onRemove }: { hostId: string; onRemove: () => void }) {
  const { data, error } = useQuery(hostQuery(hostId));
  const text = data === undefined ? (isNotFound(error) ? 'not found' : '…') : distinctName(data);
  return <FilterChip label="Host:" text={text} onRemove={onRemove} />;
}

function HostField({
  onChoose,
  onEscape,
  onLeave,
}: {
  onChoose: (hostId: string) => void;
  onEscape: () => void;
  onLeave: () => void;
}) {
  const [entry, setEntry] = useState('');
  const term = entry.trim();
  const q = useDebounced(term, DEBOUNCE_MS);
  const { data, error, isPlaceholderData } = useQuery({ ...hostMatchesQuery(q), enabled: q !== '' });
  const isPending = error === null && (term !== q || data === undefined || isPlaceholderData);
  const hosts = q === '' || data === undefined ? [] : sortExactFirst(data.items, q);
  const options = hosts.map((host) => ({
    key: host.id,
    content: <HostOption host={host} />,
    onSelect: () => onChoose(host.id),
  }));
  const hasMore = data !== undefined && data.nextCursor !== null;
  return (
    <Combobox
      className="filter-input host-filter"
      autoFocus
      label="Name of a host"
      placeholder="Name of a host"
      value={entry}
      onChange={setEntry}
      groups={[{ title: '', options }]}
      isPending={isPending}
      note={
        error !== null
          ? 'The search failed. Change the text to try again.'
          : options.length === 0
            ? isPending
              ? 'Searching…'
              : `No host matches “${term}”.`
            : hasMore
              ? 'More hosts match. Type more of the name.'
              : ''
      }
      onEscape={onEscape}
      onLeave={onLeave}
    />
  );
}
