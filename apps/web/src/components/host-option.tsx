import type { Freshness } from '@muster/contracts';
import { IsolatedText } from './isolated-text';
import { FreshnessBadge } from './state-badge';

/** A host in the list of a combobox. */
export function HostOption({ name, freshness }: { name: string; freshness: Freshness }) {
  return (
    <>
      <span className="clip">
        <IsolatedText text={name} />
      </span>
      <span className="option-where">
        <FreshnessBadge freshness={freshness} />
      </span>
    </>
  );
}
