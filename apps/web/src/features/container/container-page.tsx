import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { isNotFound } from '../../lib/api/client';
import { containerQuery } from '../../lib/api/queries';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { INFRA_MEANING, InfraMark } from '../../components/infra';
import { HostLink } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { ItemNotFound } from '../../components/not-found';
import { Note } from '../../components/note';
import { StateBadge } from '../../components/state-badge';
import { Age, DateTime } from '../../components/time';
import { useTitle } from '../../lib/title';
import { FRESHNESS, isCurrent } from '../../lib/container-status';
import { ContainerFacts } from './facts';
import { Labels } from './labels';
import { FormerWorkload, Successor } from './successor';
import { Timeline } from './timeline';
import { WorkloadFact } from './workload-fact';

const route = getRouteApi('/signed-in/hosts/$hostId/containers/$dockerId');

/** The page of one container: its last reported state, how old that state is, and its history across recreations. */
export function ContainerPage(): ReactNode {
  const { hostId, dockerId } = route.useParams();
  const { data: container, error, refetch } = useQuery(containerQuery(hostId, dockerId));
  useTitle(container?.name ?? 'Container');
  if (container === undefined) {
    if (isNotFound(error)) {
      return (
        <ItemNotFound what="Container">
          It may have been removed more than 7 days ago, its host may have been deleted, or the link is wrong.{' '}
          <FormerWorkload hostId={hostId} dockerId={dockerId} />
        </ItemNotFound>
      );
    }
    return error === null ? (
      <Loading what="the container" />
    ) : (
      <ErrorNote error={error} onRetry={() => void refetch()} />
    );
  }
  const isDataCurrent = isCurrent(container.hostFreshness);
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <HostLink id={hostId} name={container.hostName} />
      </nav>
      <header className="page-head">
        <h1 className="break">
          <IsolatedText text={container.name} />
        </h1>
        {container.isInfra && <InfraMark />}
        <StateBadge container={container} />
      </header>
      {container.isInfra && <Note>Infra container: {INFRA_MEANING}</Note>}
      {!isDataCurrent && container.removedAt === null && (
        <Note kind="warning">
          {FRESHNESS[container.hostFreshness].meaning}
          {container.asOf !== null && (
            <>
              {' '}
              Last update <Age at={container.asOf} />.
            </>
          )}
        </Note>
      )}
      {container.removedAt !== null && (
        <Note>
          Removed <Age at={container.removedAt} />. Its last state is kept for up to 7 days.{' '}
          <Successor container={container} />
        </Note>
      )}
      <div className="columns container-columns">
        <section className="card" aria-labelledby="facts-title">
          <h2 id="facts-title" className="card-title">
            Details
          </h2>
          <dl className="facts">
            <ContainerFacts container={container} />
            <WorkloadFact container={container} />
            <dt>First seen</dt>
            <dd>
              <DateTime at={container.firstSeenAt} />
            </dd>
            <dt>Last snapshot</dt>
            <dd>
              <Age at={container.asOf} />
            </dd>
          </dl>
        </section>
        <Labels labels={container.labels} />
      </div>
      <Timeline container={container} />
    </>
  );
}
