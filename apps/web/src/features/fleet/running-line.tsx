import type { ContainerEvent } from '@muster/contracts';
import { useMemo } from 'react';
import { useNow } from '../../components/time';
import { sampleHistory, stateHistory } from '../../lib/state-history';

const COLUMNS = 48;
const HEIGHT = 20;

/** A line with the number of a host's running containers over the last hour. */
export function RunningLine({
  byState,
  events,
  since,
}: {
  byState: Readonly<Record<string, number>>;
  events: readonly ContainerEvent[];
  since: number;
}) {
  const now = useNow();
  const { path, area, low, high } = useMemo(() => {
    const points = sampleHistory(stateHistory(byState, events, now), since, now, COLUMNS);
    const running = points.map((point) => point.byState['running'] ?? 0);
    const top = Math.max(1, ...running);
    const y = (value: number): number => HEIGHT - 1.5 - (value / top) * (HEIGHT - 4);
    const steps = running.map((value, index) => `${index === 0 ? 'M0' : `H${index}V`} ${y(value).toFixed(1)}`);
    const line = steps.join('');
    return {
      path: line,
      area: `${line}V${HEIGHT}H0Z`,
      low: Math.min(...running),
      high: Math.max(...running),
    };
  }, [byState, events, since, now]);
  const words = `${low === high ? '' : `${low} to `}${high} containers running over the last hour`;
  return (
    <svg
      className="running-line"
      viewBox={`0 0 ${COLUMNS - 1} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={words}
    >
      <path d={area} className="running-area" />
      <path d={path} className="running-path" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
