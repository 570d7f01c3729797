import { SEARCH_GROUP_MAX, type SearchQuery, type SearchResult } from '@muster/contracts';
import type { FreshnessSource } from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import type { ContainerReader } from './container-reader.js';
import { listHosts } from './hosts.js';
import { listImages } from './images.js';
import { listProjects } from './projects.js';

/** Maximum number of projects read. A project that runs on several hosts is read once for each host. */
const PROJECTS_READ = 50;

/**
 * Searches the lists of hosts, present containers, images and projects. Each list is searched as the list's own route
 * searches it with the parameters `q` and `hostLabel`.
 */
export async function search(
  source: FreshnessSource,
  containerReader: ContainerReader,
  operator: OperatorIdentity,
  { q, hostLabel }: SearchQuery,
): Promise<SearchResult> {
  const { organizationId } = operator;
  const limit = SEARCH_GROUP_MAX;
  const sort = { key: 'name', descending: false } as const;
  const [hosts, containers, images, projects] = await Promise.all([
    listHosts(source, organizationId, { q, hostLabel, limit, sort, count: false, sharedName: false }),
    containerReader.list(operator, { q, hostLabel, limit, sort, count: false, presence: 'present', infra: false }),
    listImages(source.db, organizationId, { q, hostLabel, limit }),
    listProjects(source, organizationId, { q, hostLabel, limit: PROJECTS_READ }),
  ]);
  const names = [...new Set(projects.items.map(({ project }) => project))];
  return {
    hosts: toGroup(hosts, ({ id, name, freshness, nameIsShared, addresses, kernel, os, engineId }) => ({
      id,
      name,
      freshness,
      nameIsShared,
      addresses,
      kernel,
      os,
      engineId,
    })),
    containers: toGroup(containers, ({ hostId, hostName, hostFreshness, dockerId, name, image }) => ({
      hostId,
      hostName,
      hostFreshness,
      dockerId,
      name,
      image,
    })),
    images: toGroup(images, (found) => ({ image: found.image, hosts: found.hosts, containers: found.containers })),
    projects: {
      items: names.slice(0, limit).map((project) => ({ project })),
      hasMore: names.length > limit || projects.nextCursor !== null,
    },
  };
}

const toGroup = <Item, Match>(
  { items, nextCursor }: { items: Item[]; nextCursor: string | null },
  toMatch: (item: Item) => Match,
) => ({ items: items.map(toMatch), hasMore: nextCursor !== null });
