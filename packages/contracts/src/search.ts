import { z } from 'zod';
import { ImageInUse } from './image-builds.js';
import { NAME_LENGTH_MAX } from './limits.js';
import { ContainerView } from './container-view.js';
import { Host } from './host.js';
import { HostLabelFilters } from './queries.js';
import { text } from './text.js';

/** Maximum number of items in each group of a search result. */
export const SEARCH_GROUP_MAX = 5;

/** Query parameters of `GET /api/search`. */
export const SearchQuery = z.strictObject({ q: text(1, NAME_LENGTH_MAX), ...HostLabelFilters });
export type SearchQuery = z.output<typeof SearchQuery>;

const group = <S extends z.ZodType>(item: S) => z.object({ items: z.array(item), hasMore: z.boolean() });

/**
 * The first matches of each kind, in the same order as in the list of that kind. `hasMore` is true if that list may
 * contain more matches of `q`. A project on several hosts occurs only once.
 */
export const SearchResult = z.object({
  // The fields after `freshness` distinguish hosts with the same name.
  hosts: group(
    Host.pick({
      id: true,
      name: true,
      freshness: true,
      nameIsShared: true,
      addresses: true,
      kernel: true,
      os: true,
      engineId: true,
    }),
  ),
  containers: group(
    ContainerView.pick({ hostId: true, hostName: true, hostFreshness: true, dockerId: true, name: true, image: true }),
  ),
  images: group(ImageInUse.pick({ image: true, hosts: true, containers: true })),
  projects: group(z.object({ project: z.string() })),
});
export type SearchResult = z.output<typeof SearchResult>;
