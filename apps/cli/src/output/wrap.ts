import { toCell } from './cell.js';

const INDENTATION = '  ';

/**
 * Breaks a text into lines of at most `columns` terminal columns. Only a line with a single long word can be longer.
 * Indents all but the first line.
 */
export function wrap(text: string, columns: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    const longer = line === '' ? word : `${line} ${word}`;
    if (line.trim() === '' || toCell(longer).width <= columns) lines[lines.length - 1] = longer;
    else lines.push(INDENTATION + word);
  }
  return lines.join('\n');
}
