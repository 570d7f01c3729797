import { useLiveState } from '../lib/api/live';
import { Age } from '../components/time';

/** Says whether changes arrive by themselves; when they do not, since when, and that it is being tried again. */
export function LiveBadge() {
  const state = useLiveState();
  return (
    <div className={`live live-${state.kind}`} role="status">
      <span className="live-dot" aria-hidden="true" />
      {state.kind === 'live' && <span title="Changes appear here as they happen.">Live</span>}
      {state.kind === 'connecting' && <span>Connecting …</span>}
      {state.kind === 'ended' && <span>Signed out</span>}
      {state.kind === 'lagging' && (
        <span title="The server sends changes late, because its database holds them back. Pages are read again every 10 seconds.">
          Delayed{' '}
          <span className="live-since">
            since <Age at={new Date(state.since).toISOString()} />
          </span>
        </span>
      )}
      {state.kind === 'lost' && (
        <span title="The connection for live changes broke off. It is tried again, and pages are read again every 10 seconds.">
          Not live{' '}
          <span className="live-since">
            since <Age at={new Date(state.since).toISOString()} />
          </span>
        </span>
      )}
    </div>
  );
}
