import type { ComponentPropsWithRef } from 'react';

export type ButtonKind = 'primary' | 'plain' | 'quiet' | 'danger';

/** A button. While `busy`, it is disabled and marked as busy for screen readers. */
export function Button({
  kind = 'plain',
  busy = false,
  className = '',
  disabled,
  ...rest
}: ComponentPropsWithRef<'button'> & { kind?: ButtonKind; busy?: boolean }) {
  return (
    <button
      type="button"
      className={`button button-${kind} ${className}`}
      aria-busy={busy}
      disabled={busy || disabled}
      {...rest}
    />
  );
}
