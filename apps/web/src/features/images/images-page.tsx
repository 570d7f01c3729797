import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { imagesQuery } from '../../lib/api/queries';
import { formatNumber } from '../../lib/format-count';
import { EmptyState } from '../../components/empty-state';
import { FilterEntry } from '../../components/filter-entry';
import { ImageRef } from '../../components/image-ref';
import { ListStates } from '../../components/list-states';
import { useTitle } from '../../lib/title';
import { StateIcon } from '../../components/state-icons';

const route = getRouteApi('/signed-in/images');

/** The page with the images in use. An image is marked if its name refers to different builds. */
export function ImagesPage(): ReactNode {
  useTitle('Images');
  const { q } = route.useSearch();
  const navigate = useNavigate();
  const list = useInfiniteQuery(imagesQuery({ q }));
  return (
    <>
      <header className="page-head">
        <h1>Images</h1>
        <FilterEntry
          label="Search images"
          value={q ?? ''}
          onChange={(value) =>
            void navigate({ to: '/images', search: { q: value === '' ? undefined : value }, replace: true })
          }
        />
      </header>
      <ListStates
        list={list}
        what="images"
        empty={<EmptyState title={q === undefined ? 'No images in use' : 'No matching images'} />}
      >
        {(items) => (
          <div className="table" tabIndex={0} role="region" aria-label="Images">
            <table>
              <thead>
                <tr>
                  <th scope="col">Image</th>
                  <th scope="col" className="is-number">
                    Containers
                  </th>
                  <th scope="col" className="is-number">
                    Running
                  </th>
                  <th scope="col" className="is-number">
                    Hosts
                  </th>
                  <th scope="col">Builds</th>
                </tr>
              </thead>
              <tbody>
                {items.map((image) => (
                  <tr key={image.image}>
                    <td>
                      <Link to="/containers" search={{ image: [image.image] }} className="plain-link">
                        <ImageRef image={image.image} />
                      </Link>
                    </td>
                    <td className="is-number">{formatNumber(image.containers)}</td>
                    <td className="is-number">{formatNumber(image.running)}</td>
                    <td className="is-number">{formatNumber(image.hosts)}</td>
                    <td>
                      {image.imageIds > 1 ? (
                        <span className="state" title="This name refers to different image IDs.">
                          <StateIcon icon="starting" />
                          {formatNumber(image.imageIds)} different builds
                        </span>
                      ) : (
                        <span className="soft">1</span>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </ListStates>
    </>
  );
}
