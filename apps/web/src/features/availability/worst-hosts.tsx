import type { AvailabilityWindow } from '@muster/contracts';
import { formatAvailability } from '@muster/contracts/format-availability';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { IsolatedText } from '../../components/isolated-text';
import { worstHostsQuery, type WorstHostFilters } from '../../lib/api/availability-queries';
import { describeDowntime } from '../../lib/availability';
import { toPlainText } from '../../lib/plain-text';
import { WindowSwitch } from './window-switch';

/** The hosts with the lowest availability. Renders nothing if there are no hosts. */
export function WorstHosts({ filters }: { filters: WorstHostFilters }) {
  const [window, setWindow] = useState<AvailabilityWindow>('7d');
  const { data } = useQuery(worstHostsQuery(window, filters));
  if (data === undefined || data.items.length === 0) return null;
  const worst = data.items.filter(({ ratio }) => ratio !== null && ratio < 1);
  return (
    <section className="worst-hosts" aria-labelledby="worst-hosts-title">
      <h2 id="worst-hosts-title">Lowest availability</h2>
      <WindowSwitch window={window} onChange={setWindow} />
      {worst.length === 0 ? (
        <p className="soft">All hosts were online all the time.</p>
      ) : (
        <ol>
          {worst.map((host) => (
            <li key={host.hostId}>
              <Link
                to="/hosts/$hostId"
                params={{ hostId: host.hostId }}
                className="chip"
                title={`${toPlainText(host.hostName)}: ${describeDowntime(host)}`}
              >
                <span className="clip">
                  <IsolatedText text={host.hostName} />
                </span>{' '}
                <strong className="number">{formatAvailability(host.ratio)}</strong>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
