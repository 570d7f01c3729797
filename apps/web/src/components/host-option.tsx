import type { Host } from '@muster/contracts';
import { distinctionOf, type DistinctionFields } from '../lib/distinction';
import { IsolatedText } from './isolated-text';
import { FreshnessBadge } from './state-badge';

/** A host in the list of a combobox, with a distinguishing text if other hosts have the same name. */
export function HostOption({ host }: { host: Pick<Host, 'name' | 'freshness'> & DistinctionFields }) {
  const distinction = distinctionOf(host);
  return (
    <>
      <span className="clip">
        <IsolatedText text={host.name} />
      </span>
      {distinction !== '' && (
        <span className="soft clip">
          <IsolatedText text={distinction} />
        </span>
      )}
      <span className="option-where">
        <FreshnessBadge freshness={host.freshness} />
      </span>
    </>
  );
}
