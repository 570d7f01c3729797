import type { ImageBuilds } from '@muster/contracts';
import { displayImage } from '@muster/contracts/image-name';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { imageBuildsQuery } from '../../lib/api/queries';
import { formatCount, formatNumber } from '../../lib/format-count';
import { isCurrent } from '../../lib/container-status';
import { CopyButton } from '../../components/copyable';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostLabelFilter } from '../../components/host-label-filter';
import { HostLink } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { useTitle } from '../../lib/title';
import { DRIFT_TITLES, DriftBadge } from './drift-badge';
import { shortBuild } from './group-images';

const route = getRouteApi('/signed-in/image-builds');

/**
 * The page with the builds of one image reference, and the hosts that run them. Links keep the filter by host label.
 */
export function ImageBuildsPage(): ReactNode {
  const { image = '', hostLabel } = route.useSearch();
  const name = displayImage({ image, imageId: null });
  useTitle(`Builds of ${name}`);
  const navigate = useNavigate();
  const query = useQuery(imageBuildsQuery(image, hostLabel));
  return (
    <>
      <header className="page-head image-head">
        <h1>
          <IsolatedText text={name} />
        </h1>
        <Link to="/images" search={{ hostLabel }}>
          All images
        </Link>
      </header>
      <div className="chips" role="group" aria-label="Filters">
        <HostLabelFilter
          labels={hostLabel}
          onChange={(labels) =>
            void navigate({ to: '/image-builds', search: { image, hostLabel: labels }, replace: true })
          }
        />
      </div>
      {query.isError && query.data === undefined ? (
        <ErrorNote error={query.error} onRetry={() => void query.refetch()} />
      ) : query.data === undefined ? (
        <Loading what="the builds" />
      ) : (
        <Builds found={query.data} hostLabel={hostLabel} />
      )}
    </>
  );
}

function Builds({ found, hostLabel }: { found: ImageBuilds; hostLabel: string[] | undefined }) {
  if (found.builds.length === 0) {
    const where = hostLabel === undefined ? '' : ' on hosts with these labels';
    return <EmptyState title={`No container uses this image${where}`} />;
  }
  return (
    <>
      <p>
        <DriftBadge image={found} /> on {formatCount(found.hosts, 'host')}
        {found.isExact ? '' : ' or more'}. {DRIFT_TITLES[found.drift]}
      </p>
      {found.builds.map((build) => (
        <Build key={`${build.imageDigest} ${build.imageId}`} image={found.image} build={build} hostLabel={hostLabel} />
      ))}
      {found.hasMoreBuilds && <p className="soft">The builds with the most containers are shown.</p>}
    </>
  );
}

function Build({
  image,
  build,
  hostLabel,
}: {
  image: string;
  build: ImageBuilds['builds'][number];
  hostLabel: string[] | undefined;
}) {
  const id = build.imageDigest ?? build.imageId;
  const kind = build.imageDigest === null ? 'image ID' : 'digest';
  const filters = { image: [image], hostLabel, ...(id === null ? {} : { imageDigest: [id] }) };
  const title = id === null ? 'neither digest nor image ID reported' : `${kind} ${shortBuild(id)}`;
  const more = build.hosts - build.hostList.length;
  return (
    <section className="image-build" aria-label={`Build ${build.build}, ${title}`}>
      <h2>
        Build {build.build}: <IsolatedText text={title} />
        {id !== null && <CopyButton text={id} label={`Copy ${kind} of build ${build.build}`} />}
      </h2>
      <p className="soft">
        {build.platform !== null && (
          <>
            <IsolatedText text={build.platform} />
            {', '}
          </>
        )}
        <Link to="/containers" search={filters}>
          {formatCount(build.containers, 'container')}
        </Link>{' '}
        on {formatCount(build.hosts, 'host')}, {formatNumber(build.running)} running
      </p>
      <div className="table" tabIndex={0} role="region" aria-label={`Hosts of build ${build.build}, ${title}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col" className="is-number">
                Containers
              </th>
              <th scope="col" className="is-number">
                Running
              </th>
            </tr>
          </thead>
          <tbody>
            {build.hostList.map((host) => (
              <tr key={host.hostId} className={isCurrent(host.hostFreshness) ? '' : 'is-stale'}>
                <td>
                  <HostLink id={host.hostId} name={host.hostName} />{' '}
                  {!isCurrent(host.hostFreshness) && <FreshnessBadge freshness={host.hostFreshness} />}
                </td>
                <td className="is-number">
                  <Link to="/containers" search={{ ...filters, hostId: [host.hostId] }}>
                    {formatNumber(host.containers)}
                  </Link>
                </td>
                <td className="is-number">{formatNumber(host.running)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more > 0 && (
        <p className="soft">
          {formatCount(more, 'more host')}.{' '}
          <Link to="/containers" search={filters}>
            Show all containers of this build
          </Link>
        </p>
      )}
    </section>
  );
}
