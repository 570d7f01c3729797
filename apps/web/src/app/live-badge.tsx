import { useLiveState } from '../lib/api/live';
import { Age } from '../components/time';

/** Shows whether live updates arrive and, if they do not, when they stopped. */
export function LiveBadge() {
  const state = useLiveState();
  return (
    <div className={`live live-${state.kind}`} role="status">
      <span className="live-dot" aria-hidden="true" />
      {state.kind === 'live' && <span title="Changes appear as they happen.">Live</span>}
      {state.kind === 'connecting' && <span>Connecting…</span>}
      {state.kind === 'ended' && <span>Signed out</span>}
      {state.kind === 'lagging' && (
        <span title="The server’s database delays updates. Data refreshes every 10 seconds.">
          Delayed{' '}
          <span className="live-since">
            since <Age at={new Date(state.since).toISOString()} />
          </span>
        </span>
      )}
      {(state.kind === 'lost' || state.kind === 'silent') && (
        <span
          title={
            state.kind === 'lost'
              ? 'Live updates disconnected. Reconnecting; data refreshes every 10 seconds.'
              : 'Connected, but no updates arrive; a proxy may be buffering them. Data refreshes every 10 seconds.'
          }
        >
          Not live{' '}
          <span className="live-since">
            since <Age at={new Date(state.since).toISOString()} />
          </span>
        </span>
      )}
    </div>
  );
}
