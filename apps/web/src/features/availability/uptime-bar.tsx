import type { AvailabilitySegment, HostAvailability } from '@muster/contracts';
import { DateTime } from '../../components/time';
import { describeAvailability, describeSegment, segmentPlace, segmentState } from '../../lib/availability';

/** Maximum number of interruptions that are listed below a bar. */
const LISTED_INTERRUPTIONS_MAX = 100;

/** The states in the order of the legend. */
const STATES: readonly AvailabilitySegment['state'][] = ['online', 'engine_down', 'stale', 'offline', 'unknown'];

/** Returns the entries of the legend: the words and the state of each kind of segment. */
const keyOf = (segments: readonly AvailabilitySegment[]): [words: string, state: AvailabilitySegment['state']][] =>
  [...new Map(segments.map((segment) => [segmentState(segment), segment.state]))].sort(
    ([, a], [, b]) => STATES.indexOf(a) - STATES.indexOf(b),
  );

/**
 * The states of a host in a window, as a bar. Each part has a tooltip. The bar is one image for a screen reader, and
 * the list below it has the same periods in words.
 */
export function UptimeBar({ availability }: { availability: HostAvailability }) {
  const { segments, from, to, isExact } = availability;
  const interruptions = segments.filter(({ state }) => state !== 'online').reverse();
  // A short interruption has a minimum width, so it is drawn over the longer parts next to it.
  const drawn = [...segments].sort((a, b) => Number(a.state !== 'online') - Number(b.state !== 'online'));
  return (
    <figure className="uptime">
      <div className="uptime-bar" role="img" aria-label={describeAvailability(availability)}>
        {drawn.map((segment) => (
          <span
            key={segment.from}
            className={`uptime-part uptime-${segment.state}`}
            style={segmentPlace(segment, availability)}
            title={describeSegment(segment)}
          />
        ))}
      </div>
      <figcaption className="uptime-ends soft">
        <DateTime at={from} />
        <DateTime at={to} />
      </figcaption>
      {interruptions.length > 0 && (
        <>
          <ul className="uptime-key soft" aria-label="Key">
            {keyOf(segments).map(([words, state]) => (
              <li key={words}>
                <span className={`uptime-mark uptime-${state}`} aria-hidden="true" />
                {words}
              </li>
            ))}
          </ul>
          <details className="uptime-list">
            <summary>
              {isExact ? 'Periods in which the host was not known to be online' : 'Periods, each with its worst state'}
            </summary>
            <ul>
              {interruptions.slice(0, LISTED_INTERRUPTIONS_MAX).map((segment) => (
                <li key={segment.from}>{describeSegment(segment)}</li>
              ))}
              {interruptions.length > LISTED_INTERRUPTIONS_MAX && (
                <li>and {interruptions.length - LISTED_INTERRUPTIONS_MAX} earlier ones</li>
              )}
            </ul>
          </details>
        </>
      )}
    </figure>
  );
}
