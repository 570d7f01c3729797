import type { ContainerView } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { eventsQuery } from '../../lib/api/queries';
import { ListStates } from '../../components/list-states';
import { EventDays } from '../events/event-days';

/**
 * What happened to all containers of this name on this host: one that was made anew by a deployment goes on with the
 * life of the one before.
 */
export function Timeline({
  container: { hostId, name, dockerId },
}: {
  container: Pick<ContainerView, 'hostId' | 'name' | 'dockerId'>;
}) {
  const list = useInfiniteQuery(eventsQuery({ hostId: [hostId], name: [name] }, 50));
  const others = useMemo(() => {
    const ids = new Set(list.data?.pages.flatMap((page) => page.items.map((event) => event.dockerId)));
    ids.delete(dockerId);
    return ids.size;
  }, [list.data, dockerId]);
  return (
    <section className="timeline" aria-labelledby="timeline-title">
      <header className="section-head">
        <h2 id="timeline-title">What happened</h2>
        {others > 0 && (
          <span className="soft">
            together with {others === 1 ? 'another container' : `${others} other containers`} of this name, made before
            or since
          </span>
        )}
        <Link to="/events" search={{ name, hostId: [hostId] }} className="section-link">
          In the events
        </Link>
      </header>
      <ListStates of={list} what="events" empty={<p className="soft">Nothing that is still kept.</p>}>
        {(items) => <EventDays events={items} without={['host', 'name']} under="section" />}
      </ListStates>
    </section>
  );
}
