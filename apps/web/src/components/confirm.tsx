import { useMutation } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { Button } from './button';
import { Dialog } from './dialog';
import { ErrorNote } from './error-note';

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
  title: string;
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
  const mayConfirm = typed === undefined || entry.trim() === typed;
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
        {typed !== undefined && (
          <label className="field">
            <span className="field-label">
              Type <code>{typed}</code> to confirm
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
