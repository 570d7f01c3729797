import type { AvailabilityWindow } from '@muster/contracts';
import { formatAvailability } from '@muster/contracts/format-availability';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { hostAvailabilityQuery } from '../../lib/api/availability-queries';
import { describeDowntime } from '../../lib/availability';
import { UptimeBar } from './uptime-bar';
import { WindowSwitch } from './window-switch';

/** How long a host was online in the last hours or days. */
export function HostAvailabilityCard({ hostId }: { hostId: string }) {
  const [window, setWindow] = useState<AvailabilityWindow>('7d');
  const { data, error, refetch } = useQuery(hostAvailabilityQuery(hostId, window));
  return (
    <section className="card availability" aria-labelledby="availability-title">
      <header className="section-head availability-head">
        <h2 id="availability-title">Availability</h2>
        <WindowSwitch window={window} onChange={setWindow} />
      </header>
      <ErrorNote error={error} onRetry={() => void refetch()} />
      {data === undefined && error === null && <Loading what="the availability" />}
      {data !== undefined && (
        <>
          <p>
            <strong className="availability-ratio number">{formatAvailability(data.ratio)}</strong>{' '}
            <span className="soft">{describeDowntime(data) || 'online all the time'}</span>
          </p>
          <UptimeBar availability={data} />
        </>
      )}
    </section>
  );
}
