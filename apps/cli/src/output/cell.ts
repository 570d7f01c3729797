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

/** Truncates a cell to a number of terminal columns. A truncated cell ends with an ellipsis. No character is split. */
export function truncate(cell: Cell, columns: number): Cell {
  if (cell.width <= columns) return cell;
  // Most texts are ASCII, for which slicing is far faster than segmenting into graphemes.
  if (ASCII.test(cell.text)) return { text: cell.text.slice(0, columns - 1) + ELLIPSIS.text, width: columns };
  const prefix = { text: '', width: 0 };
  for (const { segment } of graphemes.segment(cell.text)) {
    const width = stringWidth(segment);
    if (prefix.width + width + ELLIPSIS.width > columns) break;
    prefix.text += segment;
    prefix.width += width;
  }
  return { text: prefix.text + ELLIPSIS.text, width: prefix.width + ELLIPSIS.width };
}
