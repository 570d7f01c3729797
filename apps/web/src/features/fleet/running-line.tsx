import type { ContainerEvent } from '@muster/contracts';
import { useMemo } from 'react';
import { formatDuration } from '../../lib/format-time';
import { useNow } from '../../components/time';
import { sampleHistory, stateHistory } from '../../lib/state-history';

const SAMPLE_COUNT = 48;
const HEIGHT = 20;

/** A line chart of the number of a host's running containers. It begins at `since`, about an hour ago or later. */
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
  const { path, area, minRunning, maxRunning } = useMemo(() => {
    const points = sampleHistory(stateHistory(byState, events, now), since, now, SAMPLE_COUNT);
    const runningCounts = points.map((point) => point.byState['running'] ?? 0);
    const chartMax = Math.max(1, ...runningCounts);
    const y = (value: number): number => HEIGHT - 1.5 - (value / chartMax) * (HEIGHT - 4);
    const steps = runningCounts.map((value, index) => `${index === 0 ? 'M0' : `H${index}V`} ${y(value).toFixed(1)}`);
    const line = steps.join('');
    return {
      path: line,
      area: `${line}V${HEIGHT}H0Z`,
      minRunning: Math.min(...runningCounts),
      maxRunning: Math.max(...runningCounts),
    };
  }, [byState, events, since, now]);
  const label = `${minRunning === maxRunning ? '' : `${minRunning} to `}${maxRunning} containers running over the last ${formatDuration(now - since)}`;
  return (
    <svg
      className="running-line"
      viewBox={`0 0 ${SAMPLE_COUNT - 1} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={area} className="running-area" />
      <path d={path} className="running-path" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
