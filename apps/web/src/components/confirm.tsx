import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorNote } from './error-note';
import { IsolatedText } from './isolated-text';
import { toTypedText } from '../lib/plain-text';

/**
 * Asks before something that cannot be taken back is done. Where `typed` is given it must be typed first, so that a
 * habit does not delete the wrong thing.
 */
export function Confirm({
  title,
  children,
  action,
  typed,
  onConfirm,
  onDone,
  onClose,
}: {
  title: ReactNode;
  children: ReactNode;
  /** The button's words: what will be done. */
  action: string;
  typed?: string;
  onConfirm: () => Promise<unknown>;
  /** What follows once it is done; by default it closes. */
  onDone?: () => void;
  onClose: () => void;
}) {
  const [entry, setEntry] = useState('');
  const doing = useMutation({ mutationFn: onConfirm, onSuccess: onDone ?? onClose });
  // What cannot be typed need not be. Of some names nothing is left then.
  const expected = typed === undefined ? undefined : toTypedText(typed) || 'yes';
  const mayConfirm = expected === undefined || toTypedText(entry) === expected;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (mayConfirm) doing.mutate();
        }}
      >
        <div className="prose">{children}</div>
        {expected !== undefined && (
          <label className="field">
            <span className="field-label">
              Type{' '}
              <code>
                <IsolatedText text={expected} />
              </code>{' '}
              to confirm
            </span>
            <input
              value={entry}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setEntry(event.target.value)}
            />
          </label>
        )}
        <ErrorNote error={doing.error} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="danger" disabled={!mayConfirm} busy={doing.isPending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
