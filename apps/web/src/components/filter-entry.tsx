import { useEffect, useRef, useState } from 'react';

/** Delay between the last key press and the call of `onChange`, in milliseconds. */
const DEBOUNCE_MS = 250;

/** A search field that filters a list while the user types. */
export function FilterEntry({
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
    />
  );
}
