import type { ImageInUse } from '@muster/contracts';
import { displayImage, splitReference } from '@muster/contracts/image-name';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { imagesQuery } from '../../lib/api/queries';
import { formatCount, formatNumber } from '../../lib/format-count';
import { EmptyState } from '../../components/empty-state';
import { FilterInput } from '../../components/filter-input';
import { HostLabelFilter } from '../../components/host-label-filter';
import { IsolatedText } from '../../components/isolated-text';
import { ListStates } from '../../components/list-states';
import { useTitle } from '../../lib/title';
import { groupImages, shortBuild } from './group-images';
import { DriftBadge } from './drift-badge';

const route = getRouteApi('/signed-in/images');

/**
 * The page with the images in use, grouped by repository. It marks each image if hosts run different builds of the
 * image.
 */
export function ImagesPage(): ReactNode {
  useTitle('Images');
  const { q, hostLabel } = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery(imagesQuery({ q, hostLabel }));
  return (
    <>
      <header className="page-head">
        <h1>Images</h1>
        <FilterInput
          label="Search images"
          value={q ?? ''}
          onChange={(value) =>
            void navigate({
              to: '/images',
              search: (previous) => ({ ...previous, q: value === '' ? undefined : value }),
              replace: true,
            })
          }
        />
      </header>
      <div className="chips" role="group" aria-label="Filters">
        <HostLabelFilter
          labels={hostLabel}
          onChange={(labels) =>
            void navigate({ to: '/images', search: (previous) => ({ ...previous, hostLabel: labels }), replace: true })
          }
        />
      </div>
      <ListStates
        list={list}
        what="images"
        empty={
          <EmptyState title={q === undefined && hostLabel === undefined ? 'No images in use' : 'No matching images'} />
        }
      >
        {(items) => (
          <div className="table images" tabIndex={0} role="region" aria-label="Images">
            <table>
              <thead>
                <tr>
                  <th scope="col">Tag</th>
                  <th scope="col">Builds</th>
                  <th scope="col" className="is-number">
                    Containers
                  </th>
                  <th scope="col" className="is-number">
                    Running
                  </th>
                  <th scope="col" className="is-number">
                    Hosts
                  </th>
                </tr>
              </thead>
              {groupImages(items).map(({ repository, images }) => (
                <tbody key={repository ?? ''}>
                  <tr className="image-group">
                    <th scope="rowgroup" colSpan={5}>
                      <code>
                        <IsolatedText text={repository ?? '<none>'} />
                      </code>
                    </th>
                  </tr>
                  {images.map((image) => (
                    <ImageRow key={image.image} image={image} hostLabel={hostLabel} />
                  ))}
                </tbody>
              ))}
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}

function ImageRow({ image, hostLabel }: { image: ImageInUse; hostLabel: string[] | undefined }) {
  const { builds, drift, hosts, isExact } = image;
  const [only] = builds;
  const more = isExact ? '' : '+';
  return (
    <tr>
      <td>
        <Link to="/containers" search={{ image: [image.image], hostLabel }} className="plain-link code">
          <IsolatedText text={tagOf(image.image)} />
        </Link>
      </td>
      <td>
        <Link to="/image-builds" search={{ image: image.image, hostLabel }} className="image-builds">
          {drift === 'none' ? (
            <code>
              <IsolatedText text={shortBuild(only?.imageDigest ?? only?.imageId) ?? 'unknown'} />
            </code>
          ) : (
            <>
              <DriftBadge image={image} /> on {formatCount(hosts, 'host')}
            </>
          )}
        </Link>
      </td>
      <td className="is-number">
        {formatNumber(image.containers)}
        {more}
      </td>
      <td className="is-number">
        {formatNumber(image.running)}
        {more}
      </td>
      <td className="is-number">
        {formatNumber(hosts)}
        {more}
      </td>
    </tr>
  );
}

/**
 * Returns the tag and, if the reference has a digest, the first digits of the digest. For an image without a name,
 * returns its id.
 */
function tagOf(image: string): string {
  const { repository, tag, digest } = splitReference(image);
  if (repository === null) return displayImage({ image, imageId: null });
  if (digest !== null) return `${tag ?? ''}@${shortBuild(digest)}`;
  return tag ?? '(no tag)';
}
