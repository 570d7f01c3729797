import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { containerQuery } from '../../lib/api/queries';
import { CopyButton } from '../../components/copyable';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { ImageRef } from '../../components/image-ref';
import { IsolatedText } from '../../components/isolated-text';
import { StateBadge } from '../../components/state-badge';
import { Age, DateTime } from '../../components/time';
import { useTitle } from '../../lib/title';
import { FRESHNESS, isCurrent } from '../../lib/container-status';
import { toPlainText } from '../../lib/plain-text';
import { formatPortRange, formatPort, publishedPorts } from '../../lib/format-port';
import { formatDuration } from '../../lib/format-time';
import { Labels } from './labels';
import { Timeline } from './timeline';

const route = getRouteApi('/signed-in/hosts/$hostId/containers/$dockerId');

/** One container: its last reported state with its age, and its history across recreations. */
export function ContainerPage(): ReactNode {
  const { hostId, dockerId } = route.useParams();
  const { data: container, error, refetch } = useQuery(containerQuery(hostId, dockerId));
  useTitle(container?.name ?? 'Container');
  if (container === undefined) {
    return error === null ? (
      <Loading what="the container" />
    ) : (
      <ErrorNote error={error} onRetry={() => void refetch()} />
    );
  }
  const current = isCurrent(container.hostFreshness);
  const published = publishedPorts(container.ports);
  const inner = container.ports.filter(({ publicPort }) => publicPort === undefined);
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link to="/hosts/$hostId" params={{ hostId }}>
          <IsolatedText text={container.hostName} />
        </Link>
      </nav>
      <header className="page-head">
        <h1 className="break">
          <IsolatedText text={container.name} />
        </h1>
        <StateBadge container={container} />
      </header>
      {!current && container.removedAt === null && (
        <p className="note note-warning">
          {FRESHNESS[container.hostFreshness].meaning}
          {container.asOf !== null && (
            <>
              {' '}
              Last update <Age at={container.asOf} />.
            </>
          )}
        </p>
      )}
      {container.removedAt !== null && (
        <p className="note">
          Removed <Age at={container.removedAt} />. Its last state is kept for up to 7 days.
        </p>
      )}
      <div className="columns container-columns">
        <section className="card" aria-labelledby="facts-title">
          <h2 id="facts-title" className="card-title">
            Details
          </h2>
          <dl className="facts">
            <dt>Image</dt>
            <dd>
              <Link to="/containers" search={{ image: [container.image] }} className="plain-link">
                <ImageRef image={container.image} />
              </Link>
            </dd>
            <dt>Ports</dt>
            <dd>
              {published.length + inner.length === 0 && <span className="soft">–</span>}
              <ul className="port-list">
                {published.map((port) => (
                  <li key={formatPort(port)}>
                    <Link to="/ports" search={{ port: String(port.publicPort) }} className="number">
                      <IsolatedText text={formatPort(port)} />
                    </Link>
                  </li>
                ))}
                {inner.length > 0 && (
                  <li className="soft">
                    {inner
                      .map(
                        ({ privatePort, type, count }) =>
                          `${formatPortRange(privatePort, count)}${type === 'tcp' ? '' : `/${type}`}`,
                      )
                      .join(', ')}{' '}
                    (not published)
                  </li>
                )}
              </ul>
            </dd>
            <dt>Started</dt>
            <dd>
              {container.startedAt === null ? <span className="soft">unknown</span> : <Age at={container.startedAt} />}
            </dd>
            {container.uptimeSeconds !== null && (
              <>
                <dt>{current ? 'Uptime' : 'Uptime (last known)'}</dt>
                <dd>{formatDuration(container.uptimeSeconds * 1_000)}</dd>
              </>
            )}
            <dt>Status</dt>
            <dd>
              {container.status === '' ? <span className="soft">–</span> : <IsolatedText text={container.status} />}
            </dd>
            <dt>Command</dt>
            <dd>
              {container.command === '' ? (
                <span className="soft">–</span>
              ) : (
                <code>
                  <IsolatedText text={container.command} />
                </code>
              )}
            </dd>
            <dt>ID</dt>
            <dd className="with-copy">
              <code title={container.dockerId}>{container.dockerId.slice(0, 12)}</code>
              <CopyButton text={container.dockerId} label="Copy full ID" />
            </dd>
            {container.imageId !== null && (
              <>
                <dt>Image ID</dt>
                <dd className="with-copy">
                  <code title={toPlainText(container.imageId)}>
                    <IsolatedText text={container.imageId.replace(/^sha256:/, '').slice(0, 12)} />
                  </code>
                  <CopyButton text={container.imageId} label="Copy full image ID" />
                </dd>
              </>
            )}
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
