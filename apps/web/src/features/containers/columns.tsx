import type { ContainerView } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { createColumnHelper, columnVisibilityFeature, tableFeatures } from '@tanstack/react-table';
import { ImageRef } from '../../components/image-ref';
import { PortLinks } from '../../components/port-links';
import { StateBadge } from '../../components/state-badge';
import { Age } from '../../components/time';
import type { ColumnId, SortKey } from './search';

export const features = tableFeatures({ columnVisibilityFeature });

const column = createColumnHelper<typeof features, ContainerView>();

/** The label by which Docker Compose, and Podman's, name the project that a container belongs to. */
export const PROJECT_LABEL = 'com.docker.compose.project';

/** What the columns are called, by which key the API can order them, and how wide they are: pixels, or a share. */
export const COLUMN_FACTS: Readonly<Record<ColumnId | 'name', { title: string; sort?: SortKey; width: string }>> = {
  name: { title: 'Name', sort: 'name', width: 'minmax(11rem, 1.6fr)' },
  state: { title: 'State', sort: 'state', width: 'minmax(8.5rem, 1.2fr)' },
  host: { title: 'Host', width: 'minmax(7rem, 0.9fr)' },
  image: { title: 'Image', sort: 'image', width: 'minmax(10rem, 1.7fr)' },
  ports: { title: 'Ports', width: 'minmax(6rem, 0.9fr)' },
  project: { title: 'Project', width: 'minmax(6rem, 0.8fr)' },
  status: { title: 'Engine says', width: 'minmax(9rem, 1fr)' },
  changedAt: { title: 'Changed', sort: 'changedAt', width: '6.5rem' },
  firstSeenAt: { title: 'First seen', sort: 'firstSeenAt', width: '6.5rem' },
  id: { title: 'Id', width: '8rem' },
};

/** The cells of a row. */
export const columns = column.columns([
  column.display({
    id: 'name',
    cell: ({ row: { original } }) => (
      <Link
        to="/hosts/$hostId/containers/$dockerId"
        params={{ hostId: original.hostId, dockerId: original.dockerId }}
        className="row-name clip"
        title={original.name}
      >
        {original.name}
      </Link>
    ),
  }),
  column.display({ id: 'state', cell: ({ row }) => <StateBadge container={row.original} /> }),
  column.display({
    id: 'host',
    cell: ({ row: { original } }) => (
      <Link to="/hosts/$hostId" params={{ hostId: original.hostId }} className="clip" title={original.hostName}>
        {original.hostName}
      </Link>
    ),
  }),
  column.display({ id: 'image', cell: ({ row }) => <ImageRef image={row.original.image} /> }),
  column.display({ id: 'ports', cell: ({ row }) => <PortLinks container={row.original} /> }),
  column.display({
    id: 'project',
    cell: ({ row }) => {
      const project = row.original.labels[PROJECT_LABEL];
      return project === undefined ? null : (
        <Link to="/containers" search={{ label: [`${PROJECT_LABEL}=${project}`] }} className="clip" title={project}>
          {project}
        </Link>
      );
    },
  }),
  column.display({
    id: 'status',
    cell: ({ row }) => (
      <span className="clip soft" title={row.original.status}>
        {row.original.status}
      </span>
    ),
  }),
  column.display({ id: 'changedAt', cell: ({ row }) => <Age at={row.original.changedAt} /> }),
  column.display({ id: 'firstSeenAt', cell: ({ row }) => <Age at={row.original.firstSeenAt} /> }),
  column.display({
    id: 'id',
    cell: ({ row }) => (
      <code className="clip soft" title={row.original.dockerId}>
        {row.original.dockerId.slice(0, 12)}
      </code>
    ),
  }),
]);
