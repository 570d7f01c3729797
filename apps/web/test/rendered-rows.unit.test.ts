import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { nextRenderedRows, type RowRange } from '../src/components/rendered-rows';

const NO_ROWS: RowRange = { start: 0, end: 0 };
const sizeOf = ({ start, end }: RowRange): number => end - start;

/** Returns the successive ranges until no rows are missing. */
function framesOf(rendered: RowRange, visible: RowRange, rowCount: number): RowRange[] {
  const frames: RowRange[] = [];
  let current = rendered;
  for (let frame = 0; frame < 100; frame += 1) {
    const next = nextRenderedRows(current, visible, rowCount);
    if (next === current) return frames;
    frames.push(next);
    current = next;
  }
  throw new Error('the rows never became complete');
}

describe('the rendered rows', () => {
  test('are the visible rows, 12 rows before them and 12 rows after them', () => {
    expect(framesOf(NO_ROWS, { start: 1_000, end: 1_020 }, 60_000).at(-1)).toEqual({ start: 988, end: 1_032 });
    expect(framesOf(NO_ROWS, { start: 0, end: 20 }, 60_000).at(-1)).toEqual({ start: 0, end: 32 });
    expect(framesOf(NO_ROWS, { start: 0, end: 20 }, 5).at(-1)).toEqual({ start: 0, end: 5 });
    expect(framesOf(NO_ROWS, { start: 0, end: 20 }, 0)).toEqual([]);
  });

  test('are only the visible rows in the first frame after a jump of more than one screen', () => {
    const visible = { start: 40_033, end: 40_053 };
    expect(framesOf({ start: 39_988, end: 40_032 }, visible, 60_000)[0]).toEqual(visible);
  });

  test('always include the rows around the visible rows while the user scrolls slowly', () => {
    const rendered = { start: 988, end: 1_032 };
    expect(nextRenderedRows(rendered, { start: 1_003, end: 1_023 }, 60_000)).toEqual({ start: 991, end: 1_035 });
    expect(nextRenderedRows(rendered, { start: 997, end: 1_017 }, 60_000)).toEqual({ start: 985, end: 1_029 });
  });

  test('include all visible rows in each frame, and never more than 12 new invisible rows', () => {
    const range = fc
      .tuple(fc.nat(300), fc.integer({ min: 1, max: 60 }))
      .map(([start, size]) => ({ start, end: start + size }));
    fc.assert(
      fc.property(range, range, fc.integer({ min: 1, max: 300 }), (rendered, visible, rowCount) => {
        let previous = rendered;
        for (const frame of framesOf(rendered, visible, rowCount)) {
          const firstVisible = Math.min(visible.start, rowCount - 1);
          const lastVisible = Math.min(visible.end, rowCount);
          expect(frame.start).toBeLessThanOrEqual(firstVisible);
          expect(frame.end).toBeGreaterThanOrEqual(lastVisible);
          expect(frame.start).toBeGreaterThanOrEqual(0);
          expect(frame.end).toBeLessThanOrEqual(rowCount);
          const rows = Array.from({ length: sizeOf(frame) }, (_, offset) => frame.start + offset);
          const newInvisibleRows = rows
            .filter((row) => row < previous.start || row >= previous.end)
            .filter((row) => row < firstVisible || row >= lastVisible);
          expect(newInvisibleRows.length).toBeLessThanOrEqual(12);
          previous = frame;
        }
      }),
    );
  });
});
