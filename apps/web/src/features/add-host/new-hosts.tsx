import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { hostsQuery } from '../../lib/api/queries';
import { Button } from '../../components/button';
import { formatCount } from '../../lib/format-count';
import { IsolatedText } from '../../components/isolated-text';
import { StateIcon } from '../../components/state-icons';

/** Interval at which the hosts are polled, in milliseconds. Polling is a fallback in case stream messages are lost. */
const POLL_INTERVAL_MS = 3_000;

/**
 * The query for the hosts that were enrolled last. It is sorted by the time of enrollment, because the requested page
 * cannot hold all hosts of a large fleet.
 */
const NEWEST_HOSTS = hostsQuery({ sort: '-enrolledAt' }, 50);

/** Waits for hosts that enroll after `since`, and shows each host after its first report. */
export function NewHosts({ since, onAddAnother }: { since: string; onAddAnother: () => void }) {
  const { data } = useInfiniteQuery({ ...NEWEST_HOSTS, refetchInterval: POLL_INTERVAL_MS });
  const enrolledHosts = (data?.pages.flatMap((page) => page.items) ?? []).filter(
    ({ enrolledAt }) => enrolledAt >= since,
  );
  const reportingHosts = enrolledHosts.filter(({ freshness }) => freshness !== 'never');
  return (
    <section className="card arrivals" aria-live="polite" aria-labelledby="arrivals-title">
      <h2 id="arrivals-title" className="card-title">
        {reportingHosts.length === 0
          ? 'Waiting for the host'
          : reportingHosts.length === 1
            ? 'Host connected'
            : 'Hosts connected'}
      </h2>
      {reportingHosts.length === 0 && (
        <p className="waiting">
          <span className="loading-bar" aria-hidden="true" />
          {enrolledHosts.length === 0 ? (
            'This page updates automatically, usually within seconds.'
          ) : (
            <>
              <IsolatedText text={enrolledHosts[0]!.name} /> is enrolled. Waiting for its first report.
            </>
          )}
        </p>
      )}
      <ul className="arrived">
        {reportingHosts.map((host) => (
          <li key={host.id} className="arrival">
            <span className="arrival-burst" aria-hidden="true">
              <StateIcon icon="running" />
            </span>
            <span>
              <strong>
                <IsolatedText text={host.name} />
              </strong>
              : {formatCount(host.containerCount, 'container')}, <IsolatedText text={host.engine.name} />{' '}
              <IsolatedText text={host.engine.version} />
            </span>
            <Link to="/hosts/$hostId" params={{ hostId: host.id }} className="button button-primary">
              View host
            </Link>
          </li>
        ))}
      </ul>
      {reportingHosts.length > 0 && (
        <div className="actions">
          <Button onClick={onAddAnother}>Add another host</Button>
          <Link to="/" className="button button-plain">
            Go to Fleet
          </Link>
        </div>
      )}
    </section>
  );
}
