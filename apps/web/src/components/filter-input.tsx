import { useEffect, useRef, useState } from 'react';

/** Delay between the last key press and the call of `onChange`, in milliseconds. */
const DEBOUNCE_MS = 250;

/** Moves the focus to the link in the first row of the list. Returns false if the list is empty. */
function focusFirstRow(): boolean {
  const link = document.querySelector<HTMLElement>('#content [data-index="0"] a');
  link?.focus();
  return link !== null;
}

/** A search field that filters a list while the user types. */
export function FilterInput({
  label,
  value,
  onChange,
  inputMode,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  inputMode?: 'numeric';
}) {
  const [entry, setEntry] = useState(value);
  const [previousValue, setPreviousValue] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  if (previousValue !== value) {
    setPreviousValue(value);
    if (entry.trim() !== value) setEntry(value);
  }
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      type="search"
      className="filter-input filter-entry"
      aria-label={label}
      placeholder={label}
      value={entry}
      inputMode={inputMode}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => {
        const text = event.target.value;
        setEntry(text);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onChange(text.trim()), DEBOUNCE_MS);
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowDown' && focusFirstRow()) event.preventDefault();
        if (event.key !== 'Escape' || entry === '') return;
        event.preventDefault();
        clearTimeout(timer.current);
        setEntry('');
        onChange('');
      }}
    />
  );
}
