import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { hostEventsQuery } from '../../lib/api/queries';
import { HostEventDays } from '../events/host-event-days';

const EVENTS_SHOWN_MAX = 20;

/** The latest events of the host itself. */
export function HostHistory({ hostId }: { hostId: string }) {
  const { data, error, isError, refetch } = useInfiniteQuery(hostEventsQuery(hostId, EVENTS_SHOWN_MAX));
  const events = data?.pages[0]?.items ?? [];
  return (
    <section className="timeline" aria-labelledby="history-title">
      <header className="section-head">
        <h2 id="history-title">Host events</h2>
        <Link to="/events" search={{ subject: 'host', hostId: [hostId] }} className="section-link">
          All host events
        </Link>
      </header>
      <ErrorNote error={error} onRetry={() => void refetch()} />
      {data === undefined && !isError && <Loading what="the host’s events" />}
      {data !== undefined && events.length === 0 && <p className="soft">No events in the retention period.</p>}
      <HostEventDays events={events} parent="section" />
    </section>
  );
}
