import type { Host } from '@muster/contracts';
import { createContext, use, useEffect, useRef } from 'react';
import { distinctName } from '../../lib/distinction';
import { toPlainText } from '../../lib/plain-text';
import type { Selection } from './selection';

/**
 * The selection of the hosts page. It is a context, so that only the checkboxes are rendered when the selection
 * changes.
 */
export const SelectionContext = createContext<{
  selection: Selection;
  /** Whether all, some or none of the loaded rows are selected. */
  part: 'all' | 'some' | 'none';
  /**
   * Selects or deselects a host. If `isRange` is true, does the same with all rows from the last clicked row to this
   * row.
   */
  onSelect: (host: Host, isSelected: boolean, isRange: boolean) => void;
  onSelectAll: (isSelected: boolean) => void;
} | null>(null);

/**
 * The checkbox that selects a host. A click with the Shift key applies to all hosts from the last clicked host to this
 * host.
 */
export function HostCheckbox({ host }: { host: Host }) {
  const context = use(SelectionContext);
  if (context === null) return null;
  const { selection, onSelect } = context;
  return (
    <input
      type="checkbox"
      aria-label={`Select ${toPlainText(distinctName(host))}`}
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
