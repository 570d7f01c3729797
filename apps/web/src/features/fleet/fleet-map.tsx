import type { FleetMap as Fleet } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { memo, useEffect, useMemo, useRef, useState, type PointerEvent } from 'react';
import { Loading } from '../../components/empty-state';
import { ErrorNote } from '../../components/error-note';
import { HostName, useDistinction } from '../../components/host-name';
import { fleetMapQueryOf } from '../../lib/api/queries';
import { formatCount, formatNumber } from '../../lib/format-count';
import { toPlainText } from '../../lib/plain-text';
import {
  cellAfterKey,
  cellSize,
  describeState,
  MARK_LABELS,
  MARKS,
  marksOf,
  pathsOf,
  shapeOf,
  type Mark,
} from './density-map';
import { useHostLabel } from './host-label-context';

/** A map of the hosts with one small cell per host, sorted by name. It replaces the tiles of a large fleet. */
export function FleetMap() {
  const hostLabel = useHostLabel();
  const { data, error, refetch } = useQuery(fleetMapQueryOf(hostLabel));
  return (
    <section className="hosts" aria-labelledby="hosts-title">
      <div className="section-head">
        <h2 id="hosts-title">Hosts</h2>
        <Link to="/hosts" search={{ hostLabel }} className="section-link">
          {data === undefined ? 'All hosts' : `All ${formatNumber(data.total)} hosts`}
        </Link>
      </div>
      <ErrorNote error={data === undefined ? error : null} onRetry={() => void refetch()} />
      {data === undefined && error === null && <Loading what="the map of hosts" />}
      {data !== undefined && <DensityMap fleet={data} />}
    </section>
  );
}

function DensityMap({ fleet }: { fleet: Fleet }) {
  const navigate = useNavigate();
  const [frame, width] = useWidth();
  // The id of the host is stored instead of its position, because hosts before it may be added or deleted.
  const [chosenId, setChosenId] = useState<string | null>(null);
  const count = fleet.ids.length;
  const size = cellSize(count);
  const columns = Math.max(1, Math.floor(width / size));
  const marks = useMemo(() => marksOf(fleet), [fleet]);
  const chosenIndex = useMemo(() => (chosenId === null ? -1 : fleet.ids.indexOf(chosenId)), [fleet.ids, chosenId]);
  const index = chosenIndex === -1 ? null : chosenIndex;
  const focusedIndex = index ?? 0;
  const distinction = useDistinction(fleet.ids[focusedIndex]!);
  const focusedName = `${fleet.names[focusedIndex]!}${distinction === '' ? '' : ` (${distinction})`}`;
  const choose = (cell: number): void => setChosenId(fleet.ids[cell]!);

  const cellAt = ({ currentTarget, clientX, clientY }: PointerEvent): number | null => {
    const { left, top } = currentTarget.getBoundingClientRect();
    const column = Math.floor((clientX - left) / size);
    const cell = Math.floor((clientY - top) / size) * columns + column;
    return column >= 0 && column < columns && cell >= 0 && cell < count ? cell : null;
  };
  const chooseCell = (event: PointerEvent): void => {
    const cell = cellAt(event);
    if (cell !== null) choose(cell);
  };
  useEffect(() => {
    // A large map is taller than the window. A cell that the user chose with a key may be outside the visible part, so
    // it is scrolled into view.
    if (frame.current !== document.activeElement || index === null) return;
    document.getElementById(`map-cell-${index}`)?.scrollIntoView({ block: 'nearest' });
  }, [frame, index]);
  return (
    <div className="map card">
      <Legend marks={marks} />
      <p className="map-status">
        {index === null ? (
          <span className="soft">Each mark is a host, sorted by name. Point at a mark to see its name.</span>
        ) : (
          <>
            <HostName id={fleet.ids[index]!} name={fleet.names[index]!} />: {describeState(fleet, index)}
          </>
        )}
      </p>
      <div
        ref={frame}
        className="map-frame"
        role="listbox"
        tabIndex={0}
        aria-label={`Map of ${formatCount(count, 'host')}. Arrow keys move between hosts, Enter opens a host.`}
        aria-activedescendant={`map-cell-${focusedIndex}`}
        onFocus={() => choose(focusedIndex)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            void navigate({ to: '/hosts/$hostId', params: { hostId: fleet.ids[focusedIndex]! } });
            return;
          }
          const next = cellAfterKey(event.key, focusedIndex, columns, count);
          if (next === null || event.ctrlKey || event.metaKey || event.altKey) return;
          event.preventDefault();
          choose(next);
        }}
      >
        {width > 0 && (
          <div
            className="map-cells"
            style={{ width: columns * size, height: Math.ceil(count / columns) * size }}
            onPointerDown={chooseCell}
            onPointerMove={chooseCell}
          >
            <Cells marks={marks} columns={columns} />
            <Link
              key={focusedIndex}
              id={`map-cell-${focusedIndex}`}
              to="/hosts/$hostId"
              params={{ hostId: fleet.ids[focusedIndex]! }}
              role="option"
              tabIndex={-1}
              aria-selected={index !== null}
              aria-posinset={focusedIndex + 1}
              aria-setsize={count}
              aria-label={toPlainText(`${focusedName}: ${describeState(fleet, focusedIndex)}`)}
              className={index === null ? 'map-cell' : 'map-cell map-cell-chosen'}
              preload={false}
              style={{
                left: (focusedIndex % columns) * size,
                top: Math.floor(focusedIndex / columns) * size,
                width: size,
                height: size,
              }}
            />
          </div>
        )}
      </div>
    </div>
  );
}

/** The marks of all hosts. It is memoized, because a movement of the pointer changes none of them. */
const Cells = memo(function Cells({ marks, columns }: { marks: readonly Mark[]; columns: number }) {
  const paths = useMemo(() => pathsOf(marks, columns), [marks, columns]);
  return (
    <svg viewBox={`0 0 ${columns * 10} ${Math.ceil(marks.length / columns) * 10}`} aria-hidden="true">
      {MARKS.map((mark) => paths[mark] !== undefined && <path key={mark} className={`mark-${mark}`} d={paths[mark]} />)}
    </svg>
  );
});

const Legend = memo(function Legend({ marks }: { marks: readonly Mark[] }) {
  const used = new Set(marks);
  return (
    <ul className="map-legend" aria-label="Legend">
      {MARKS.filter((mark) => used.has(mark)).map((mark) => (
        <li key={mark} className="state">
          <svg className="map-mark" viewBox="0 0 10 10" aria-hidden="true">
            <path className={`mark-${mark}`} d={shapeOf(mark)} />
          </svg>
          {MARK_LABELS[mark]}
        </li>
      ))}
    </ul>
  );
});

/** Returns a ref for an element, and the element's current width in pixels. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    if (element.current !== null) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}
