import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorNote } from './error-note';
import { IsolatedText } from './isolated-text';
import { toTypedText } from '../lib/plain-text';

/**
 * A dialog that asks the user to confirm an action that cannot be undone. If `requiredText` is given, the user must
 * type this text first, which prevents deleting the wrong item by habit.
 */
export function ConfirmDialog({
  title,
  children,
  action,
  requiredText,
  onConfirm,
  onDone,
  onClose,
}: {
  title: ReactNode;
  children: ReactNode;
  /** The label of the confirm button. */
  action: string;
  requiredText?: string;
  onConfirm: () => Promise<unknown>;
  /** Called when the action has succeeded. By default, `onClose` is called. */
  onDone?: () => void;
  onClose: () => void;
}) {
  const [entry, setEntry] = useState('');
  const mutation = useMutation({ mutationFn: onConfirm, onSuccess: onDone ?? onClose });
  // The user need not type invisible characters. If the required text consists only of invisible characters, the user
  // types "yes" instead.
  const expectedText = requiredText === undefined ? undefined : toTypedText(requiredText) || 'yes';
  const canConfirm = expectedText === undefined || toTypedText(entry) === expectedText;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (canConfirm) mutation.mutate();
        }}
      >
        <div className="prose">{children}</div>
        {expectedText !== undefined && (
          <label className="field">
            <span className="field-label">
              Type{' '}
              <code>
                <IsolatedText text={expectedText} />
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
          <Button type="submit" kind="danger" disabled={!canConfirm} busy={mutation.isPending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
