import { useId } from 'react';

/** A text area for labels of hosts, one per line. An error is shown instead of the hint. */
export function LabelsField({
  label = 'Labels',
  hint,
  error,
  value,
  autoFocus = false,
  onChange,
}: {
  label?: string;
  hint: string;
  error: string | undefined;
  value: string;
  autoFocus?: boolean;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <textarea
        id={id}
        className="labels-entry"
        rows={Math.min(12, Math.max(4, value.split('\n').length + 1))}
        aria-describedby={`${id}-hint`}
        aria-invalid={error !== undefined}
        placeholder={'env=prod\nsite=fra'}
        value={value}
        autoFocus={autoFocus}
        spellCheck={false}
        autoCapitalize="off"
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-hint`} className={error === undefined ? 'field-hint' : 'field-error break'} role="status">
        {error ?? hint}
      </p>
    </div>
  );
}
