import stringWidth from 'string-width';

/** A text and its width in terminal columns. The width is stored because measuring non-ASCII text is slow. */
export interface Cell {
  text: string;
  width: number;
}

export const toCell = (text: string): Cell => ({ text, width: stringWidth(text) });

const ELLIPSIS = toCell('…');
const ASCII = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/**
 * Truncates a cell to a number of terminal columns, and marks the missing part with an ellipsis. Keeps the start of the
 * text by default. No character is split.
 */
export function truncate(cell: Cell, columns: number, keep: 'start' | 'end' = 'start'): Cell {
  if (cell.width <= columns) return cell;
  const join = (kept: string): string => (keep === 'start' ? kept + ELLIPSIS.text : ELLIPSIS.text + kept);
  // Most texts are ASCII, for which slicing is far faster than segmenting into graphemes.
  if (ASCII.test(cell.text)) {
    const kept = keep === 'start' ? cell.text.slice(0, columns - 1) : cell.text.slice(cell.width - columns + 1);
    return { text: join(kept), width: columns };
  }
  const segments = Array.from(graphemes.segment(cell.text), ({ segment }) => segment);
  if (keep === 'end') segments.reverse();
  const kept: string[] = [];
  let keptWidth = 0;
  for (const segment of segments) {
    const width = stringWidth(segment);
    if (keptWidth + width + ELLIPSIS.width > columns) break;
    kept.push(segment);
    keptWidth += width;
  }
  if (keep === 'end') kept.reverse();
  return { text: join(kept.join('')), width: keptWidth + ELLIPSIS.width };
}
