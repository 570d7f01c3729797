import { useEffect, useId, useRef, useState, type ReactNode, type RefObject } from 'react';
import { optionAfterKey } from '../lib/listbox';

/** An option of a combobox. An option with `href` is a link, which the user can also open in another tab. */
export interface ComboboxOption {
  key: string;
  content: ReactNode;
  href?: string;
  onSelect: () => void;
}

/** Options under a heading. The heading is omitted if it is empty. */
export interface ComboboxGroup {
  title: string;
  options: readonly ComboboxOption[];
}

/**
 * A text field with a list of matches below it. At first, the first match is active. The arrow keys make other matches
 * active, and Enter selects the active one. Escape clears the field, and a second Escape leaves the field.
 */
export function Combobox({
  label,
  placeholder,
  value,
  onChange,
  groups,
  isPending,
  note,
  inputRef,
  onLeave,
  onEscape,
  className,
  ...inputProps
}: {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
  groups: readonly ComboboxGroup[];
  /**
   * Whether `groups` are still the matches of an earlier text. If so, Enter waits for the matches of the current text.
   */
  isPending: boolean;
  /** The text below the matches, for example “Searching…”. May be empty. */
  note: string;
  inputRef?: RefObject<HTMLInputElement | null>;
  /** Called when the focus leaves the field. */
  onLeave?: () => void;
  /** Called when Escape is pressed in an empty field. By default, the field loses the focus. */
  onEscape?: () => void;
  autoFocus?: boolean;
  id?: string;
  className?: string;
  'aria-keyshortcuts'?: string;
}) {
  const listId = useId();
  const root = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const options = groups.flatMap((group) => group.options);
  // The first option is active again when the options change.
  const optionKeys = options.map(({ key }) => key).join('\n');
  const [move, setMove] = useState({ optionKeys: '', index: 0 });
  const active = move.optionKeys === optionKeys ? move.index : 0;
  const isShown = isOpen && value.trim() !== '' && (options.length > 0 || note !== '');
  const optionId = (index: number): string => `${listId}-${index}`;
  const choose = (option: ComboboxOption): void => {
    setOpen(false);
    option.onSelect();
  };
  const [isEnterPending, setEnterPending] = useState(false);
  const activeOption = options[active];
  useEffect(() => {
    if (!isEnterPending || isPending) return;
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the matches that Enter waited for have arrived
    setEnterPending(false);
    if (activeOption === undefined) return;
    setOpen(false);
    activeOption.onSelect();
  }, [isEnterPending, isPending, activeOption]);
  return (
    <div
      ref={root}
      className="combobox"
      onBlur={({ relatedTarget }) => {
        if (root.current?.contains(relatedTarget)) return;
        setOpen(false);
        setEnterPending(false);
        onLeave?.();
      }}
    >
      <input
        {...inputProps}
        className={className}
        ref={inputRef}
        type="search"
        role="combobox"
        aria-label={label}
        aria-expanded={isShown && options.length > 0}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={isShown && options.length > 0 ? optionId(active) : undefined}
        placeholder={placeholder}
        value={value}
        autoComplete="off"
        spellCheck={false}
        onFocus={() => setOpen(true)}
        onClick={() => setOpen(true)}
        onChange={({ target }) => {
          setOpen(true);
          setEnterPending(false);
          onChange(target.value);
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          const next = isShown ? optionAfterKey(event.key, active, options.length) : null;
          if (next !== null) {
            event.preventDefault();
            setMove({ optionKeys, index: next });
            document.getElementById(optionId(next))?.scrollIntoView({ block: 'nearest' });
          } else if (event.key === 'ArrowDown') setOpen(true);
          else if (event.key === 'Enter') {
            event.preventDefault();
            if (isPending) setEnterPending(value.trim() !== '');
            else if (isShown && activeOption !== undefined) choose(activeOption);
          } else if (event.key === 'Escape') {
            event.preventDefault();
            setEnterPending(false);
            if (value !== '') onChange('');
            else if (onEscape !== undefined) onEscape();
            else event.currentTarget.blur();
          }
        }}
      />
      <div className="combobox-list menu" hidden={!isShown}>
        <div id={listId} role="listbox" aria-label={label} aria-busy={isPending} hidden={options.length === 0}>
          {isShown &&
            groups
              .filter((group) => group.options.length > 0)
              .map((group) => (
                <div key={group.title} role="group" aria-label={group.title === '' ? undefined : group.title}>
                  {group.title !== '' && (
                    <div className="menu-label" aria-hidden="true">
                      {group.title}
                    </div>
                  )}
                  {group.options.map((option) => {
                    const index = options.indexOf(option);
                    const isActive = index === active;
                    return (
                      <a
                        key={option.key}
                        id={optionId(index)}
                        role="option"
                        aria-selected={isActive}
                        tabIndex={-1}
                        href={option.href}
                        className="menu-item"
                        data-highlighted={isActive ? '' : undefined}
                        // Keeps the focus in the field. Otherwise, a click would close the list before it could select
                        // the option.
                        onMouseDown={(event) => event.preventDefault()}
                        onClick={(event) => {
                          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                          event.preventDefault();
                          choose(option);
                        }}
                      >
                        {option.content}
                      </a>
                    );
                  })}
                </div>
              ))}
        </div>
        <p className="combobox-note soft" aria-hidden="true">
          {isShown ? note : ''}
        </p>
      </div>
      {/* Screen readers announce changes only in elements that exist already. This element is therefore always present. */}
      <p role="status" className="visually-hidden">
        {isShown ? note : ''}
      </p>
    </div>
  );
}
