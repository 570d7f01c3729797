import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorNote } from './error-note';
import { IsolatedText } from './isolated-text';
import { toTypedText } from '../lib/plain-text';

/**
 * A dialog that confirms an action that cannot be undone. If `typed` is given, the user must type it first, which
 * prevents deleting the wrong item by habit.
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
  /** The label of the button that confirms. */
  action: string;
  typed?: string;
  onConfirm: () => Promise<unknown>;
  /** Called instead of `onClose` if the action succeeds. */
  onDone?: () => void;
  onClose: () => void;
}) {
  const [entry, setEntry] = useState('');
  const mutation = useMutation({ mutationFn: onConfirm, onSuccess: onDone ?? onClose });
  // Characters that cannot be typed are omitted. A name that consists only of such characters is replaced by "yes".
  const expected = typed === undefined ? undefined : toTypedText(typed) || 'yes';
  const mayConfirm = expected === undefined || toTypedText(entry) === expected;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (mayConfirm) mutation.mutate();
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
        <ErrorNote error={mutation.error} />
        <div className="actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="danger" disabled={!mayConfirm} busy={mutation.isPending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
