import type { Host, HostProblem } from '@muster/contracts';
import { useInfiniteQuery, useQueries, type UseInfiniteQueryResult } from '@tanstack/react-query';
import { useId, useMemo, useState } from 'react';
import { isNotFound } from '../../lib/api/client';
import { hostQuery, hostsQuery, imagesQuery, projectsQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { formatCount } from '../../lib/format-count';
import { EmptyState, Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostName } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { ProblemNames } from '../../components/problem-names';
import { Icon } from '../../components/icons';
import { isCurrent } from '../../lib/container-status';
import { distinctName } from '../../lib/distinction';
import { ContainerTable } from './container-table';
import { COLUMNS_DEFAULT, type ContainerSearch, type Group } from './search';
import { mergeProjects, type ProjectGroup } from './projects';
import { IncompleteNote } from './incomplete-note';
import { sortPropsOf, toFilters } from './sort';
import { useContainerList } from './use-container-list';
import { toPlainText } from '../../lib/plain-text';

type ChangeSearch = (changes: Partial<ContainerSearch>) => void;

/** The heading of a group of containers. */
interface Heading {
  key: string;
  title: string;
  /**
   * The host of a project, or the number of hosts if a project or an image has several. Null if the group is a host.
   */
  subtitle: ProjectGroup['where'] | null;
  /** The host's problems, if the group is a host. */
  problems?: readonly HostProblem[];
  /** The number of containers, and how many of them run. Null if they are not counted. */
  counts: { containers: number; running: number } | null;
  /** Whether the counts are current. */
  isDataCurrent: boolean;
  /** The filters that select the group's containers. */
  filters: Partial<ContainerSearch>;
}

/**
 * The list of containers in groups. The counts in the headings apply the filter by host label, but ignore most other
 * filters. The containers of a group are loaded when the user opens the group, and all filters apply to them.
 */
export function ContainerGroups({
  group,
  search,
  onChange,
}: {
  group: Group;
  search: ContainerSearch;
  onChange: ChangeSearch;
}) {
  switch (group) {
    case 'project':
      return <ProjectGroups search={search} onChange={onChange} />;
    case 'service':
      return <ServiceGroups search={search} onChange={onChange} />;
    case 'image':
      return <ImageGroups search={search} onChange={onChange} />;
    case 'host':
      return <HostGroups search={search} onChange={onChange} />;
  }
}

interface GroupingProps {
  search: ContainerSearch;
  onChange: ChangeSearch;
}

/** The loaded projects that match the filter by project. A project of an orchestrator is one item for all hosts. */
function useProjects(search: ContainerSearch) {
  const list = useInfiniteQuery(projectsQuery({ hostId: search.hostId, hostLabel: search.hostLabel }));
  const projects = useMemo(
    () =>
      mergeProjects(list.data?.pages.flatMap((page) => page.items) ?? []).filter(
        ({ project }) => search.project === undefined || search.project.includes(project),
      ),
    [list.data, search.project],
  );
  return { list, projects };
}

function ProjectGroups({ search, onChange }: GroupingProps) {
  const { list, projects } = useProjects(search);
  const headings = useMemo(
    () =>
      projects.map(({ key, project, where, containers, running, isDataCurrent, hostId }): Heading => ({
        key,
        title: project,
        subtitle: where,
        counts: { containers, running },
        isDataCurrent,
        filters: { ...(hostId === undefined ? {} : { hostId }), project: [project] },
      })),
    [projects],
  );
  return <GroupList what="projects" list={list} headings={headings} search={search} onChange={onChange} />;
}

function ServiceGroups({ search, onChange }: GroupingProps) {
  const { list, projects } = useProjects(search);
  const headings = useMemo(
    () =>
      projects.flatMap(({ key, project, where, services, isDataCurrent, hostId }) =>
        services
          .filter((service) => search.service === undefined || search.service.includes(service))
          .map((service): Heading => ({
            key: `${key} ${service}`,
            title: `${project}/${service}`,
            subtitle: where,
            counts: null,
            isDataCurrent,
            filters: { ...(hostId === undefined ? {} : { hostId }), project: [project], service: [service] },
          })),
      ),
    [projects, search.service],
  );
  return <GroupList what="services" list={list} headings={headings} search={search} onChange={onChange} />;
}

function ImageGroups({ search, onChange }: GroupingProps) {
  const list = useInfiniteQuery(imagesQuery({ hostLabel: search.hostLabel }));
  const headings = useMemo(
    () =>
      (list.data?.pages.flatMap((page) => page.items) ?? [])
        .filter(({ image }) => search.image === undefined || search.image.includes(image))
        .map((image): Heading => ({
          key: image.image,
          title: image.image,
          subtitle: formatCount(image.hosts, 'host'),
          counts: { containers: image.containers, running: image.running },
          isDataCurrent: true,
          filters: { image: [image.image] },
        })),
    [list.data, search.image],
  );
  return <GroupList what="images" list={list} headings={headings} search={search} onChange={onChange} />;
}

function HostGroups(props: GroupingProps) {
  const { hostId } = props.search;
  return hostId === undefined ? <AllHostGroups {...props} /> : <ChosenHostGroups {...props} hostIds={hostId} />;
}

const headingOf = (host: Host): Heading => ({
  key: host.id,
  title: distinctName(host),
  subtitle: null,
  problems: host.problems,
  counts: { containers: host.containerCount, running: host.containersByState['running'] ?? 0 },
  isDataCurrent: isCurrent(host.freshness),
  filters: { hostId: [host.id] },
});

function AllHostGroups({ search, onChange }: GroupingProps) {
  const list = useInfiniteQuery(hostsQuery({ hostLabel: search.hostLabel }));
  const headings = useMemo(() => (list.data?.pages.flatMap((page) => page.items) ?? []).map(headingOf), [list.data]);
  return <GroupList what="hosts" list={list} headings={headings} search={search} onChange={onChange} />;
}

/**
 * Groups for the hosts in the filter. Each host is requested by its ID, because it may be on a late page of the list of
 * hosts.
 */
function ChosenHostGroups({ search, onChange, hostIds }: GroupingProps & { hostIds: readonly string[] }) {
  const queries = useQueries({ queries: hostIds.map((hostId) => hostQuery(hostId)) });
  const hosts = queries.flatMap(({ data }) => data ?? []);
  const failure = queries.find(({ error }) => error !== null && !isNotFound(error))?.error ?? null;
  const list = {
    data: failure !== null || queries.some(({ isPending }) => isPending) ? undefined : hosts,
    error: failure,
    hasNextPage: false,
    isFetchingNextPage: false,
    fetchNextPage: () => undefined,
    refetch: () => queries.forEach(({ refetch }) => void refetch()),
  };
  return <GroupList what="hosts" list={list} headings={hosts.map(headingOf)} search={search} onChange={onChange} />;
}

function GroupList({
  what,
  list,
  headings,
  search,
  onChange,
}: GroupingProps & {
  what: string;
  list: Pick<UseInfiniteQueryResult, 'data' | 'error' | 'hasNextPage' | 'isFetchingNextPage'> & {
    fetchNextPage: () => unknown;
    refetch: () => unknown;
  };
  headings: readonly Heading[];
}) {
  if (list.error !== null && list.data === undefined) {
    return <ErrorNote error={list.error} onRetry={() => void list.refetch()} />;
  }
  if (list.data === undefined) return <Loading what={what} />;
  if (headings.length === 0) return <EmptyState title={`No ${what}`} />;
  return (
    <div className="groups">
      {headings.map((heading) => (
        <GroupSection key={heading.key} heading={heading} search={search} onChange={onChange} />
      ))}
      {list.hasNextPage && (
        <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show more {what}
        </Button>
      )}
    </div>
  );
}

function GroupSection({ heading, search, onChange }: GroupingProps & { heading: Heading }) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const { title, subtitle, problems = [], counts, isDataCurrent } = heading;
  return (
    <section className={isDataCurrent ? 'group' : 'group is-stale'}>
      <h2 className="group-head">
        <button
          type="button"
          className="group-button"
          aria-expanded={isOpen}
          aria-controls={id}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? 'down' : 'right'} />
          <span className="clip">
            <IsolatedText text={title} />
          </span>
          {subtitle !== null && (
            <span className="soft">
              {typeof subtitle === 'string' ? subtitle : <HostName id={subtitle.id} name={subtitle.name} />}
            </span>
          )}
          <ProblemNames problems={problems} />
          {counts !== null && (
            <span className="group-counts soft">
              {formatCount(counts.containers, 'container')}, {counts.running}{' '}
              {isDataCurrent ? 'running' : 'running (last known)'}
            </span>
          )}
        </button>
      </h2>
      <div id={id}>{isOpen && <GroupRows heading={heading} search={search} onChange={onChange} />}</div>
    </section>
  );
}

function GroupRows({ heading, search, onChange }: GroupingProps & { heading: Heading }) {
  const filters = { ...toFilters(search), ...heading.filters };
  const { list, rows, total, isIncomplete, isSearching, loadNextPage, onNearEnd } = useContainerList(filters);
  if (list.error !== null) return <ErrorNote error={list.error} onRetry={() => void list.refetch()} />;
  if (rows === undefined || isSearching) return <Loading what="containers" />;
  if (rows.length === 0) return <p className="soft group-none">No containers match the filters.</p>;
  return (
    <>
      <ContainerTable
        inline
        label={toPlainText(`Containers of ${heading.title}`)}
        rows={rows}
        total={total}
        shownColumns={search.columns ?? COLUMNS_DEFAULT}
        {...sortPropsOf(search, onChange)}
        onNearEnd={onNearEnd}
      />
      {isIncomplete && <IncompleteNote isBusy={list.isFetchingNextPage} onContinue={loadNextPage} />}
    </>
  );
}
