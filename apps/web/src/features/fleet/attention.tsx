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
  const sort = '-changedAt';
  const unhealthy = useInfiniteQuery(containersQuery({ health: ['unhealthy'], sort }));
  const endedContainers = useInfiniteQuery(containersQuery({ state: ['restarting', 'exited', 'dead'], sort }));
  const all = useMemo(() => {
    const containers = [unhealthy.data, endedContainers.data].flatMap((data) => data?.pages[0]?.items ?? []);
    return findConcerns({ hosts, containers, events });
  }, [hosts, events, unhealthy.data, endedContainers.data]);
  const isKnown = unhealthy.data !== undefined && endedContainers.data !== undefined;
  const mayBeMore = unhealthy.hasNextPage || endedContainers.hasNextPage;
  return (
    <section className="card attention" aria-labelledby="attention-title">
      <h2 id="attention-title" className="card-title">
        Needs attention
        {all.length > 0 && (
          <span className="tally number">
            {formatNumber(all.length)}
            {mayBeMore && '+'}
          </span>
        )}
      </h2>
      {!isKnown && unhealthy.error === null && endedContainers.error === null && <Loading what="problems" />}
      {isKnown && all.length === 0 && (
        <p className="all-well">
          <StateIcon look="running" /> All clear: no crashes, failing health checks or offline hosts.
        </p>
      )}
      <ul className="concerns">
        {all.slice(0, SHOWN_MAX).map((concern) => (
          <li key={concern.key}>
            <ConcernRow concern={concern} />
          </li>
        ))}
      </ul>
      {all.length > SHOWN_MAX && (
        <p className="card-foot">
          <Link to="/containers" search={{ state: ['restarting', 'exited', 'dead'], sort }}>
            View all {formatNumber(all.length)}
            {mayBeMore && '+'}
          </Link>
        </p>
      )}
    </section>
  );
}

function ConcernRow({ concern: { icon, name, problem, at, hostId, hostName, dockerId } }: { concern: Concern }) {
  const words = (
    <>
      <StateIcon look={icon} />
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
      {words}
    </Link>
  ) : (
    <Link to="/hosts/$hostId/containers/$dockerId" params={{ hostId, dockerId }} className="concern">
      {words}
    </Link>
  );
}
