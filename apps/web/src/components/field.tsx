import { useId, type ComponentPropsWithRef, type ReactNode } from 'react';

/**
 * A text input with a label and a hint. An error is shown instead of the hint. Screen readers read the hint or the
 * error together with the input.
 */
export function Field({
  label,
  hint,
  error,
  ...rest
}: ComponentPropsWithRef<'input'> & { label: string; hint?: ReactNode; error?: string | undefined }) {
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <input id={id} aria-describedby={`${id}-hint`} aria-invalid={error !== undefined} {...rest} />
      <p id={`${id}-hint`} className={error === undefined ? 'field-hint' : 'field-error'}>
        {error ?? hint}
      </p>
    </div>
  );
}

/** A checkbox with a label. */
export function Checkbox({ label, ...rest }: ComponentPropsWithRef<'input'> & { label: ReactNode }) {
  return (
    <label className="checkbox">
      <input type="checkbox" {...rest} />
      <span>{label}</span>
    </label>
  );
}

/** A select box with a label. */
export function Select<T extends string>({
  label,
  value,
  options,
  onChange,
  hint,
}: {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
  hint?: ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.value as T)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      <p id={`${id}-hint`} className="field-hint">
        {hint}
      </p>
    </div>
  );
}
