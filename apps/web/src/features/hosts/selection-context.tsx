import type { Host } from '@muster/contracts';
import { createContext, use, useEffect, useRef } from 'react';
import { toPlainText } from '../../lib/plain-text';
import type { Selection } from './selection';

/** The selection of the hosts page. A context, so that a change of the selection renders only the checkboxes. */
export const SelectionContext = createContext<{
  selection: Selection;
  /** Whether all, some or none of the loaded rows are selected. */
  part: 'all' | 'some' | 'none';
  /** Selects or deselects a row and, if `isRange` is true, all rows up to the one that was clicked before. */
  onSelect: (host: Host, isSelected: boolean, isRange: boolean) => void;
  onSelectAll: (isSelected: boolean) => void;
} | null>(null);

/** The checkbox that selects a host. With the Shift key, it selects all hosts since the last one. */
export function HostCheckbox({ host }: { host: Host }) {
  const context = use(SelectionContext);
  if (context === null) return null;
  const { selection, onSelect } = context;
  return (
    <input
      type="checkbox"
      aria-label={`Select ${toPlainText(host.name)}`}
      checked={selection.has(host.id)}
      onChange={({ target, nativeEvent }) =>
        onSelect(host, target.checked, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)
      }
    />
  );
}

/** The checkbox that selects all loaded hosts. */
export function AllHostsCheckbox() {
  const context = use(SelectionContext);
  const checkbox = useRef<HTMLInputElement>(null);
  const part = context?.part ?? 'none';
  useEffect(() => {
    if (checkbox.current !== null) checkbox.current.indeterminate = part === 'some';
  }, [part]);
  if (context === null) return null;
  return (
    <input
      ref={checkbox}
      type="checkbox"
      aria-label="Select all loaded hosts"
      checked={part === 'all'}
      onChange={({ target }) => context.onSelectAll(target.checked)}
    />
  );
}
