import { useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { Icon } from '../components/icons';
import { parseFirst } from '../lib/search-params';

/** Delay between the last key press and the search, in milliseconds. */
const DEBOUNCE_MS = 200;

/** Returns whether the user can type text into the element. */
const acceptsText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Moves the focus to the link in the first row of the list. Returns false if the list is empty. */
function focusFirstRow(): boolean {
  const link = document.querySelector<HTMLElement>('#content [data-index="0"] a');
  link?.focus();
  return link !== null;
}

/** The header's search field. The `/` key focuses it; the search term becomes the containers page's `q` parameter. */
export function QuickSearch() {
  const navigate = useNavigate({ from: '/containers' });
  const searchTerm = useRouterState({
    select: ({ location }) =>
      (location.pathname === '/containers' ? parseFirst((location.search as { q?: unknown }).q) : undefined) ?? '',
  });
  const [entry, setEntry] = useState(searchTerm);
  const [previousTerm, setPreviousTerm] = useState(searchTerm);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  // The back button, a removed filter or a link can also change the search term in the URL.
  if (previousTerm !== searchTerm) {
    setPreviousTerm(searchTerm);
    if (entry.trim() !== searchTerm) setEntry(searchTerm);
  }

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || acceptsText(event.target)) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onKey);
      clearTimeout(timer.current);
    };
  }, []);

  const search = (text: string): void => {
    clearTimeout(timer.current);
    const q = text.trim() === '' ? undefined : text.trim();
    void navigate({
      to: '/containers',
      search: (previous) => ({ ...(window.location.pathname === '/containers' ? previous : {}), q }),
      replace: window.location.pathname === '/containers',
    });
  };

  return (
    <form
      role="search"
      className="quick-search"
      onSubmit={(event) => {
        event.preventDefault();
        search(entry);
      }}
    >
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        value={entry}
        aria-label="Search containers by name, image, command or ID"
        placeholder="Search containers"
        aria-keyshortcuts="/"
        autoComplete="off"
        spellCheck={false}
        onChange={({ target: { value } }) => {
          setEntry(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => search(value), DEBOUNCE_MS);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown' && focusFirstRow()) event.preventDefault();
          if (event.key !== 'Escape') return;
          event.preventDefault();
          if (entry === '') input.current?.blur();
          else {
            setEntry('');
            search('');
          }
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}
