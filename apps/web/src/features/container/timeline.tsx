import type { ContainerView } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { eventsQuery } from '../../lib/api/queries';
import { formatCount } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { EventDays } from '../events/event-days';

/**
 * The events of all containers with this name on this host, because a container that a deployment recreates continues
 * the history of the previous container.
 */
export function Timeline({
  container: { hostId, name, dockerId },
}: {
  container: Pick<ContainerView, 'hostId' | 'name' | 'dockerId'>;
}) {
  const list = useInfiniteQuery(eventsQuery({ hostId: [hostId], name: [name] }, 50));
  const otherContainers = useMemo(() => {
    const ids = new Set(list.data?.pages.flatMap((page) => page.items.map((event) => event.dockerId)));
    ids.delete(dockerId);
    return ids.size;
  }, [list.data, dockerId]);
  return (
    <section className="timeline" aria-labelledby="timeline-title">
      <header className="section-head">
        <h2 id="timeline-title">History</h2>
        {otherContainers > 0 && (
          <span className="soft">
            Includes {formatCount(otherContainers, 'other container')} named <IsolatedText text={name} />
          </span>
        )}
        <Link to="/events" search={{ name, hostId: [hostId] }} className="section-link">
          View in Events
        </Link>
      </header>
      <ListStates list={list} what="events" empty={<p className="soft">No events in the retention period.</p>}>
        {(items) => <EventDays events={items} omittedParts={['host', 'name']} parent="section" />}
      </ListStates>
    </section>
  );
}
