import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** The rows from `start` up to, but not including, `end`. */
export interface RowRange {
  start: number;
  end: number;
}

/** Number of rows that are rendered on each side of the visible rows, so that scrolling shows no gaps. */
const OVERSCAN_ROWS = 12;

/** Maximum number of new rows outside the visible part that one call adds. More rows would delay the next frame. */
const NEW_OVERSCAN_ROWS_MAX = 12;

const NO_ROWS: RowRange = { start: 0, end: 0 };

/**
 * Returns the rows to render next: all visible rows, and as many rows before and after them as can be rendered without
 * a delay. Returns `rendered` itself if exactly these rows are already rendered.
 */
export function nextRenderedRows(rendered: RowRange, visible: RowRange, rowCount: number): RowRange {
  const firstVisible = Math.max(0, Math.min(visible.start, rowCount - 1));
  const lastVisible = Math.max(firstVisible, Math.min(visible.end, rowCount));
  const first = Math.max(0, firstVisible - OVERSCAN_ROWS);
  const last = Math.min(rowCount, lastVisible + OVERSCAN_ROWS);
  const isReused = rendered.start <= lastVisible && rendered.end >= firstVisible;
  const reused = isReused ? { start: Math.max(first, rendered.start), end: Math.min(last, rendered.end) } : NO_ROWS;
  let start = isReused ? Math.min(firstVisible, reused.start) : firstVisible;
  let end = isReused ? Math.max(lastVisible, reused.end) : lastVisible;
  let budget = NEW_OVERSCAN_ROWS_MAX - (end - start - (reused.end - reused.start));
  const extend = (missing: number): number => {
    const added = Math.max(0, Math.min(missing, budget));
    budget -= added;
    return added;
  };
  end += extend(last - end);
  start -= extend(start - first);
  return start === rendered.start && end === rendered.end ? rendered : { start, end };
}

/**
 * Returns the rows to render in a scrolling element. All rows have the same height. Rows that become visible are
 * rendered first, and the rows around them in the next frames, so that no frame takes long.
 */
export function useRenderedRows(
  scrollerRef: RefObject<HTMLElement | null>,
  rowCount: number,
  rowHeightPx: number,
): RowRange {
  const [rendered, setRendered] = useState(NO_ROWS);
  const viewport = useRef({ topPx: 0, heightPx: 0 });
  const renderVisible = useCallback(() => {
    const { topPx, heightPx } = viewport.current;
    const visible = { start: Math.floor(topPx / rowHeightPx), end: Math.ceil((topPx + heightPx) / rowHeightPx) };
    setRendered((previous) => nextRenderedRows(previous, visible, rowCount));
  }, [rowCount, rowHeightPx]);
  const update = useCallback(() => {
    // React clears the reference of a removed table before it ends the table's frame requests and observers.
    if (scrollerRef.current === null) return;
    const { scrollTop, clientHeight } = scrollerRef.current;
    viewport.current = { topPx: scrollTop, heightPx: clientHeight };
    renderVisible();
  }, [scrollerRef, renderVisible]);

  useLayoutEffect(() => {
    const { topPx, heightPx } = viewport.current;
    // Reading the scroll position forces a layout of all new rows. If the rows still fill the viewport, the position
    // cannot have changed, so the stored position is used.
    if (heightPx > 0 && topPx + heightPx <= rowCount * rowHeightPx) renderVisible();
    else update();
  }, [rowCount, rowHeightPx, renderVisible, update]);
  useEffect(() => {
    const element = scrollerRef.current!;
    const observer = new ResizeObserver(update);
    observer.observe(element);
    element.addEventListener('scroll', update, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', update);
    };
  }, [scrollerRef, update]);
  useEffect(() => {
    const frame = requestAnimationFrame(update);
    return () => cancelAnimationFrame(frame);
  }, [rendered, update]);
  return rendered;
}
