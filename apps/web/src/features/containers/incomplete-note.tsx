import { Button } from '../../components/button';

/** A note below a list whose search the API ended before it had found all matches. */
export function IncompleteNote({ isBusy, onContinue }: { isBusy: boolean; onContinue: () => void }) {
  return (
    <p className="list-note soft" role="status">
      Showing the first matches. Narrow the search.
      <Button kind="quiet" busy={isBusy} onClick={onContinue}>
        Search further
      </Button>
    </p>
  );
}
