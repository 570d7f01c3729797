import type { Host, HostSortKey } from '@muster/contracts';
import { Link } from '@tanstack/react-router';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { StateIcon } from '../../components/state-icons';
import { Age } from '../../components/time';
import type { Column } from '../../components/virtual-table';
import { iconOfState, isCurrent, sortStates } from '../../lib/container-status';
import { distinctionOf } from '../../lib/distinction';
import { formatNumber } from '../../lib/format-count';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { labelTexts } from '../../lib/host-labels';
import { toPlainText } from '../../lib/plain-text';
import { isSevereProblem } from '../../lib/severity';
import { FilterLink, LabelLink } from './filter-link';
import { AllHostsCheckbox, HostCheckbox } from './selection-context';

export type HostColumnId =
  'select' | 'name' | 'freshness' | 'problems' | 'lastSeenAt' | 'containers' | 'engine' | 'agentVersion' | 'labels';

/** The columns of the hosts page. For users who can delete hosts, the page adds the column of checkboxes. */
export const HOST_COLUMNS: readonly HostColumnId[] = [
  'name',
  'freshness',
  'problems',
  'labels',
  'containers',
  'lastSeenAt',
  'engine',
  'agentVersion',
];
export const EDITABLE_HOST_COLUMNS: readonly HostColumnId[] = ['select', ...HOST_COLUMNS];

export const HOST_COLUMN_DEFINITIONS: Readonly<Record<HostColumnId, Column<Host, HostSortKey>>> = {
  select: {
    title: 'Selection',
    width: '2.75rem',
    renderHeader: () => <AllHostsCheckbox />,
    renderCell: (host) => <HostCheckbox host={host} />,
  },
  name: {
    title: 'Name',
    sort: 'name',
    width: 'minmax(10rem, 1.3fr)',
    renderCell: (host) => <Name host={host} />,
  },
  freshness: {
    title: 'Status',
    sort: 'severity',
    width: 'minmax(12rem, 0.9fr)',
    renderCell: ({ freshness, confirmedAt }) => <FreshnessBadge freshness={freshness} since={confirmedAt} />,
  },
  problems: {
    title: 'Problems',
    width: 'minmax(8.5rem, 1.3fr)',
    renderCell: ({ problems }) => <Problems problems={problems} />,
  },
  labels: {
    title: 'Labels',
    width: 'minmax(14.5rem, 1.8fr)',
    renderCell: (host) => <Labels host={host} />,
  },
  lastSeenAt: {
    title: 'Last contact',
    sort: 'lastSeenAt',
    width: '6.75rem',
    renderCell: ({ lastSeenAt }) => <Age at={lastSeenAt} />,
  },
  containers: {
    title: 'Containers',
    sort: 'containerCount',
    width: 'minmax(6.5rem, 0.8fr)',
    renderCell: (host) => <Containers host={host} />,
  },
  engine: {
    title: 'Engine',
    sort: 'engine',
    width: 'minmax(8.5rem, 0.8fr)',
    renderCell: ({ engine: { name, version } }) => (
      <FilterLink filter={{ engine: [name] }} title={toPlainText(`${name} ${version}: show only hosts with ${name}`)}>
        <IsolatedText text={name} /> <IsolatedText text={version} />
      </FilterLink>
    ),
  },
  agentVersion: {
    title: 'Agent',
    sort: 'agentVersion',
    width: '5.5rem',
    renderCell: ({ agentVersion }) => (
      <FilterLink
        filter={{ agentVersion: [agentVersion] }}
        title={toPlainText(`Show only hosts with agent ${agentVersion}`)}
      >
        <IsolatedText text={agentVersion} />
      </FilterLink>
    ),
  },
};

/** Maximum numbers of labels that a row shows, on a phone and on wider screens. The tooltip contains all labels. */
const LABELS_SHOWN_MAX = { narrow: 2, wide: 3 };

/** The first labels of a host, each as a link that adds a filter. */
function Labels({ host }: { host: Host }) {
  const texts = labelTexts(host);
  if (texts.length === 0) return null;
  return (
    <span className="row-labels" title={toPlainText(texts.join('\n'))}>
      {texts.slice(0, LABELS_SHOWN_MAX.wide).map((text) => (
        <LabelLink key={text} text={text} />
      ))}
      {(['narrow', 'wide'] as const).map(
        (width) =>
          texts.length > LABELS_SHOWN_MAX[width] && (
            <span key={width} className={`row-labels-more is-${width} soft`}>
              +{texts.length - LABELS_SHOWN_MAX[width]}
            </span>
          ),
      )}
    </span>
  );
}

/** The name, with a distinguishing text if several hosts have this name. */
function Name({ host }: { host: Host }) {
  const { id, name } = host;
  const distinction = distinctionOf(host);
  return (
    <>
      <Link
        to="/hosts/$hostId"
        params={{ hostId: id }}
        className="row-name clip"
        title={toPlainText(distinction ? `${name}: several hosts have this name. This one: ${distinction}` : name)}
      >
        <IsolatedText text={name} />
      </Link>
      {distinction !== '' && (
        <span className="row-distinction soft clip">
          {' '}
          <IsolatedText text={distinction} />
        </span>
      )}
    </>
  );
}

/** The most important problem, how long the host has had it, and the number of other problems. */
function Problems({ problems }: { problems: Host['problems'] }) {
  const worst = problems.find(({ code }) => isSevereProblem(code)) ?? problems[0];
  if (worst === undefined) return null;
  return (
    <span
      className="state host-problem"
      title={toPlainText(problems.map(({ code, message }) => `${PROBLEM_TITLES[code]}: ${message}`).join('\n'))}
    >
      <StateIcon icon={isSevereProblem(worst.code) ? 'unhealthy' : 'starting'} />
      <span className="clip">
        {PROBLEM_TITLES[worst.code]}
        {problems.length > 1 && ` +${problems.length - 1}`}
      </span>
      <span className="as-of">
        <Age at={worst.since} />
      </span>
    </span>
  );
}

/** The numbers of a host's containers by state, as a link to the containers. */
function Containers({
  host: { id, containerCount, containersByState, containersByHealth, freshness },
}: {
  host: Host;
}) {
  if (containerCount === 0) return <span className="soft">none</span>;
  const unhealthyCount = containersByHealth['unhealthy'] ?? 0;
  const counts = sortStates(containersByState).map(([state, count]) => ({ state, icon: iconOfState(state), count }));
  if (unhealthyCount > 0) counts.push({ state: 'unhealthy', icon: 'unhealthy', count: unhealthyCount });
  return (
    <Link
      to="/containers"
      search={{ hostId: [id] }}
      className={isCurrent(freshness) ? 'host-counts' : 'host-counts is-stale'}
      title={toPlainText(counts.map(({ state, count }) => `${formatNumber(count)} ${state}`).join(', '))}
    >
      {counts.map(({ state, icon, count }) => (
        <span key={state} className="state">
          <StateIcon icon={icon} />
          <span className="number">{formatNumber(count)}</span>
          <span className="visually-hidden">{toPlainText(` ${state} `)}</span>
        </span>
      ))}
    </Link>
  );
}
