import type { AvailabilityWindow } from '@muster/contracts';
import { formatAvailability } from '@muster/contracts/format-availability';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostName } from '../../components/host-name';
import { worstHostsQuery, type WorstHostFilters } from '../../lib/api/availability-queries';
import { describeAllOnline, describeDowntime } from '../../lib/availability';
import { toPlainText } from '../../lib/plain-text';
import { WindowSwitch } from './window-switch';

/**
 * The hosts with the lowest availability. They are read only after the user opens this part, because the API must read
 * the history of all hosts to find them.
 */
export function WorstHosts({ filters }: { filters: WorstHostFilters }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section aria-label="Lowest availability">
      <details className="worst-hosts" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Lowest availability</summary>
        {isOpen && <WorstHostList filters={filters} />}
      </details>
    </section>
  );
}

function WorstHostList({ filters }: { filters: WorstHostFilters }) {
  const [window, setWindow] = useState<AvailabilityWindow>('7d');
  const { data, error, refetch, isPlaceholderData } = useQuery(worstHostsQuery(window, filters));
  const worst = data?.items.filter(({ ratio }) => ratio !== null && ratio < 1) ?? [];
  return (
    <>
      <WindowSwitch window={window} onChange={setWindow} />
      <ErrorNote error={error} onRetry={() => void refetch()} />
      {data === undefined && error === null && <Loading what="the availability" />}
      {data !== undefined && worst.length === 0 && <p className="soft">{describeAllOnline(data.items)}</p>}
      {worst.length > 0 && (
        <ol className={isPlaceholderData ? 'is-stale' : undefined}>
          {worst.map((host) => (
            <li key={host.hostId}>
              <Link
                to="/hosts/$hostId"
                params={{ hostId: host.hostId }}
                className="chip"
                title={`${toPlainText(host.hostName)}: ${describeDowntime(host)}`}
              >
                <span className="clip">
                  <HostName id={host.hostId} name={host.hostName} />
                </span>{' '}
                <strong className="number">{formatAvailability(host.ratio)}</strong>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
