import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Fragment, useMemo, type ReactNode } from 'react';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostName } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { StateIcon } from '../../components/state-icons';
import { Age } from '../../components/time';
import { attentionQuery } from '../../lib/api/queries';
import { formatCount, formatNumber } from '../../lib/format-count';
import { containerRows, hostRows, type AttentionRow, type AttentionTarget } from './attention-rows';
import { useHostLabel } from './host-label-context';

/** The hosts and containers that need attention, most severe first. Those with the same problem are grouped. */
export function Attention() {
  const { data, error, refetch } = useQuery(attentionQuery(useHostLabel()));
  const rows = useMemo(() => data && { hosts: hostRows(data), containers: containerRows(data) }, [data]);
  const total = data === undefined ? 0 : data.hosts.total + data.containers.total;
  return (
    <section className="card attention" aria-labelledby="attention-title">
      <h2 id="attention-title" className="card-title">
        Needs attention
      </h2>
      {rows === undefined && error === null && <Loading what="problems" />}
      <ErrorNote error={rows === undefined ? error : null} onRetry={() => void refetch()} />
      {rows !== undefined && total === 0 && (
        <p className="all-well">
          <StateIcon icon="running" /> All clear: no crashes, failing health checks or offline hosts.
        </p>
      )}
      {rows !== undefined && <Rows title="Hosts" total={formatNumber(data!.hosts.total)} rows={rows.hosts} />}
      {rows !== undefined && (
        <Rows
          title="Containers"
          total={`${formatNumber(data!.containers.total)}${data!.containers.totalIsExact ? '' : '+'}`}
          rows={rows.containers}
        />
      )}
    </section>
  );
}

function Rows({ title, total, rows }: { title: string; total: string; rows: readonly AttentionRow[] }) {
  if (rows.length === 0) return null;
  return (
    <>
      <h3 className="concerns-title soft">
        {title} <span className="tally number">{total}</span>
      </h3>
      <ul className="concerns">
        {rows.map((row) => (
          <li key={row.key}>
            <Row row={row} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Row({ row: { icon, name, problem, names, note, times, target } }: { row: AttentionRow }) {
  return (
    <TargetLink target={target}>
      <StateIcon icon={icon} />
      <span className="concern-words">
        <strong className="clip">
          {target.kind === 'host' ? <HostName id={target.hostId} name={name} /> : <IsolatedText text={name} />}
        </strong>
        <span className="concern-trouble">{problem}</span>
        {(names.length > 0 || note !== '') && (
          <span className="concern-details soft">
            {names.map((other, index) => (
              <Fragment key={other.id}>
                {index > 0 && ', '}
                <HostName id={other.id} name={other.name} />
              </Fragment>
            ))}{' '}
            {note}
          </span>
        )}
      </span>
      <span className="concern-where soft">
        {times.map(({ total, since }) => (
          <span key={since}>
            {times.length > 1 && `${formatCount(total, 'host')}, `}
            <Age at={since} />
          </span>
        ))}
      </span>
    </TargetLink>
  );
}

function TargetLink({ target, children }: { target: AttentionTarget; children: ReactNode }) {
  const hostLabel = useHostLabel();
  switch (target.kind) {
    case 'host':
      return (
        <Link to="/hosts/$hostId" params={{ hostId: target.hostId }} className="concern">
          {children}
        </Link>
      );
    case 'hosts':
      return (
        <Link to="/hosts" search={{ ...target.filter, hostLabel }} className="concern">
          {children}
        </Link>
      );
    case 'container':
      return (
        <Link
          to="/hosts/$hostId/containers/$dockerId"
          params={{ hostId: target.hostId, dockerId: target.dockerId }}
          className="concern"
        >
          {children}
        </Link>
      );
    case 'workload':
      return (
        <Link to="/workload" search={target.search} className="concern">
          {children}
        </Link>
      );
    case 'containers':
      return (
        <Link to="/containers" search={{ ...target.filter, hostLabel }} className="concern">
          {children}
        </Link>
      );
  }
}
