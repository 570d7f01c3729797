import { Link } from '@tanstack/react-router';
import { HostLink } from '../../components/host-name';
import { ImageRef } from '../../components/image-ref';
import { InfraMark } from '../../components/infra';
import { IsolatedText } from '../../components/isolated-text';
import { PortLinks } from '../../components/port-links';
import { StateBadge } from '../../components/state-badge';
import { Age } from '../../components/time';
import type { Column } from '../../components/virtual-table';
import type { ContainerRow } from './recreations';
import type { ColumnId, SortKey } from './search';
import { toPlainText } from '../../lib/plain-text';

/** The definition of each column, including the name column. */
export const COLUMN_DEFINITIONS: Readonly<Record<ColumnId | 'name', Column<ContainerRow, SortKey>>> = {
  name: {
    title: 'Name',
    sort: 'name',
    width: 'minmax(11rem, 1.6fr)',
    renderCell: ({ hostId, dockerId, name, image, isInfra, nextImage }) => (
      <>
        <Link
          to="/hosts/$hostId/containers/$dockerId"
          params={{ hostId, dockerId }}
          className="row-name clip"
          title={toPlainText(name)}
        >
          <IsolatedText text={name} />
        </Link>
        {isInfra && <InfraMark />}
        {nextImage !== undefined && (
          <span className="pill soft" title={toPlainText(nextImage === image ? image : `${image} → ${nextImage}`)}>
            being replaced
          </span>
        )}
      </>
    ),
  },
  state: {
    title: 'State',
    sort: 'state',
    width: 'minmax(8.5rem, 1.2fr)',
    renderCell: (container) => <StateBadge container={container} />,
  },
  host: {
    title: 'Host',
    width: 'minmax(8rem, 1.3fr)',
    renderCell: ({ hostId, hostName }) => <HostLink id={hostId} name={hostName} className="clip" />,
  },
  image: {
    title: 'Image',
    sort: 'image',
    width: 'minmax(10rem, 1.6fr)',
    renderCell: ({ image, imageId }) => <ImageRef image={image} imageId={imageId} />,
  },
  ports: {
    title: 'Ports',
    width: 'minmax(6rem, 0.9fr)',
    renderCell: (container) => <PortLinks container={container} />,
  },
  project: {
    title: 'Project',
    width: 'minmax(6rem, 0.8fr)',
    renderCell: ({ workload: { project } }) =>
      project === null ? null : (
        <Link to="/containers" search={{ project: [project] }} className="clip" title={toPlainText(project)}>
          <IsolatedText text={project} />
        </Link>
      ),
  },
  status: {
    title: 'Status',
    width: 'minmax(9rem, 1fr)',
    renderCell: ({ status }) => (
      <span className="clip soft" title={toPlainText(status)}>
        <IsolatedText text={status} />
      </span>
    ),
  },
  changedAt: {
    title: 'Changed',
    sort: 'changedAt',
    width: '6.5rem',
    renderCell: ({ changedAt }) => <Age at={changedAt} />,
  },
  firstSeenAt: {
    title: 'First seen',
    sort: 'firstSeenAt',
    width: '6.5rem',
    renderCell: ({ firstSeenAt }) => <Age at={firstSeenAt} />,
  },
  id: {
    title: 'ID',
    width: '8rem',
    renderCell: ({ dockerId }) => (
      <code className="clip soft" title={dockerId}>
        {dockerId.slice(0, 12)}
      </code>
    ),
  },
};
