import { formatError } from '../lib/api/client';
import { StateIcon } from './state-icons';
import { Button } from './button';
import { IsolatedText } from './isolated-text';

/** Shows an error, with a button to retry if `onRetry` is given. Renders nothing if `error` is null. */
export function ErrorNote({ error, onRetry }: { error: Error | null; onRetry?: () => void }) {
  if (error === null) return null;
  return (
    <div className="note note-trouble" role="alert">
      <StateIcon icon="unhealthy" />
      <p>
        <IsolatedText text={formatError(error)} />
      </p>
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}
