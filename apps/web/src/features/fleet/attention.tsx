import type { ContainerEvent, Host } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { containersQuery } from '../../lib/api/queries';
import { formatNumber } from '../../lib/format-count';
import { Loading } from '../../components/empty-state';
import { IsolatedText } from '../../components/isolated-text';
import { Age } from '../../components/time';
import { StateIcon } from '../../components/state-icons';
import { findConcerns, type Concern } from './attention-list';

const SHOWN_MAX = 8;

/** The hosts and containers that need attention, most severe first. */
export function Attention({ hosts, events }: { hosts: readonly Host[]; events: readonly ContainerEvent[] }) {
  const unhealthy = useInfiniteQuery(containersQuery({ health: ['unhealthy'] }));
  const endedContainers = useInfiniteQuery(containersQuery({ state: ['restarting', 'exited', 'dead'] }));
  const concerns = useMemo(() => {
    const containers = [unhealthy.data, endedContainers.data].flatMap((data) => data?.pages[0]?.items ?? []);
    return findConcerns({ hosts, containers, events });
  }, [hosts, events, unhealthy.data, endedContainers.data]);
  const isLoaded = unhealthy.data !== undefined && endedContainers.data !== undefined;
  const hasMore = unhealthy.hasNextPage || endedContainers.hasNextPage;
  return (
    <section className="card attention" aria-labelledby="attention-title">
      <h2 id="attention-title" className="card-title">
        Needs attention
        {concerns.length > 0 && (
          <span className="tally number">
            {formatNumber(concerns.length)}
            {hasMore && '+'}
          </span>
        )}
      </h2>
      {!isLoaded && unhealthy.error === null && endedContainers.error === null && <Loading what="problems" />}
      {isLoaded && concerns.length === 0 && (
        <p className="all-well">
          <StateIcon icon="running" /> All clear: no crashes, failing health checks or offline hosts.
        </p>
      )}
      <ul className="concerns">
        {concerns.slice(0, SHOWN_MAX).map((concern) => (
          <li key={concern.key}>
            <ConcernRow concern={concern} />
          </li>
        ))}
      </ul>
      {concerns.length > SHOWN_MAX && (
        <p className="card-foot">
          <Link to="/containers" search={{ state: ['restarting', 'exited', 'dead'] }}>
            View all {formatNumber(concerns.length)}
            {hasMore && '+'}
          </Link>
        </p>
      )}
    </section>
  );
}

function ConcernRow({ concern: { icon, name, problem, at, hostId, hostName, dockerId } }: { concern: Concern }) {
  const content = (
    <>
      <StateIcon icon={icon} />
      <span className="concern-words">
        <strong className="clip">
          <IsolatedText text={name} />
        </strong>
        <span className="concern-trouble">
          <IsolatedText text={problem} />
        </span>
      </span>
      <span className="concern-where soft">
        {dockerId !== null && (
          <span className="clip">
            <IsolatedText text={hostName} />
          </span>
        )}
        {at !== null && <Age at={at} />}
      </span>
    </>
  );
  return dockerId === null ? (
    <Link to="/hosts/$hostId" params={{ hostId }} className="concern">
      {content}
    </Link>
  ) : (
    <Link to="/hosts/$hostId/containers/$dockerId" params={{ hostId, dockerId }} className="concern">
      {content}
    </Link>
  );
}
