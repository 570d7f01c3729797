import stringWidth from 'string-width';

/** A text and the number of terminal columns that it takes. Measured once, because measuring is slow if not ASCII. */
export interface Cell {
  text: string;
  width: number;
}

export const toCell = (text: string): Cell => ({ text, width: stringWidth(text) });

const ELLIPSIS = toCell('…');
const ASCII = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/** Cuts a cell to a number of terminal columns. A cut cell ends with an ellipsis; no character is cut in half. */
export function truncate(cell: Cell, columns: number): Cell {
  if (cell.width <= columns) return cell;
  // Most texts are ASCII, and this is far faster than graphemes.
  if (ASCII.test(cell.text)) return { text: cell.text.slice(0, columns - 1) + ELLIPSIS.text, width: columns };
  const kept = { text: '', width: 0 };
  for (const { segment } of graphemes.segment(cell.text)) {
    const width = stringWidth(segment);
    if (kept.width + width + ELLIPSIS.width > columns) break;
    kept.text += segment;
    kept.width += width;
  }
  return { text: kept.text + ELLIPSIS.text, width: kept.width + ELLIPSIS.width };
}
