import 'uplot/dist/uPlot.min.css';
import './state-chart.css';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import uPlot from 'uplot';
import { sortStates } from '../../lib/container-status';
import { formatDateTime } from '../../lib/format-time';
import { toPlainText } from '../../lib/plain-text';
import type { StatePoint } from '../../lib/state-history';

const HEIGHT = 150;

/**
 * The style of each state's line. A line has the color of the state's icon, and dashes distinguish states with the same
 * color.
 */
const LINE_STYLES: Readonly<Record<string, { color: string; dash?: number[] }>> = {
  running: { color: '--running' },
  restarting: { color: '--trouble', dash: [2, 2] },
  paused: { color: '--paused', dash: [6, 3] },
  exited: { color: '--ended', dash: [4, 4] },
  dead: { color: '--trouble' },
};

const subscribeTheme = (onChange: () => void): (() => void) => {
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  const observer = new MutationObserver(onChange);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  query.addEventListener('change', onChange);
  return () => {
    observer.disconnect();
    query.removeEventListener('change', onChange);
  };
};
const readTheme = (): string =>
  document.documentElement.dataset['theme'] ?? String(window.matchMedia('(prefers-color-scheme: dark)').matches);

/** A step chart of the counts by state over time. */
export default function StateChart({ points }: { points: readonly StatePoint[] }) {
  const chartElement = useRef<HTMLDivElement>(null);
  // A canvas does not follow style sheets, so the chart is redrawn when the theme changes.
  const theme = useSyncExternalStore(subscribeTheme, readTheme);
  const states = useMemo(() => {
    const seenStates = new Map(points.flatMap(({ byState }) => Object.entries(byState)));
    return sortStates(Object.fromEntries([...seenStates.keys()].map((state) => [state, 1]))).map(([state]) => state);
  }, [points]);

  useEffect(() => {
    const element = chartElement.current;
    if (element === null) return;
    const data: uPlot.AlignedData = [
      points.map(({ at }) => at / 1_000),
      ...states.map((state) => points.map(({ byState }) => byState[state] ?? 0)),
    ];
    const plot = new uPlot(chartOptions(states, element), data, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [points, states, theme]);

  const last = points.at(-1);
  const counts = sortStates(last?.byState ?? {}).map(([state, count]) => `${count} ${toPlainText(state)}`);
  return (
    <div
      ref={chartElement}
      className="chart-room"
      role="img"
      aria-label={`Containers by state over time; latest: ${counts.join(', ')}`}
    />
  );
}

function chartOptions(states: readonly string[], element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const colorOf = (token: string): string => resolveColor(element, token);
  const font = `12px ${style.fontFamily}`;
  const axis = {
    stroke: colorOf('--ink-soft'),
    font,
    grid: { stroke: colorOf('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    legend: { show: true, live: true },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high)] } },
    axes: [axis, { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000] }],
    series: [
      {
        label: 'Time',
        value: (_plot, seconds) => (Number.isFinite(seconds) ? formatDateTime(new Date(seconds * 1_000)) : ''),
      },
      ...states.map((state): uPlot.Series => {
        const { color, dash } = LINE_STYLES[state] ?? { color: '--ink-soft', dash: [1, 3] };
        const steps = uPlot.paths.stepped?.({ align: 1 });
        return {
          label: toPlainText(state),
          stroke: colorOf(color),
          width: 1.5,
          points: { show: false },
          ...(dash === undefined ? {} : { dash }),
          ...(steps === undefined ? {} : { paths: steps }),
        };
      }),
    ],
  };
}

/**
 * Returns the color of a design token in the current theme. In the style sheet, the token's value is often a
 * `light-dark()` function, which a canvas cannot evaluate.
 */
function resolveColor(element: HTMLElement, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${token})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
