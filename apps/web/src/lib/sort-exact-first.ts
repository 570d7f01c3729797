/** Returns the items, sorted so that those whose name equals `text` (ignoring case) come first. */
export function sortExactFirst<T extends { name: string }>(items: readonly T[], text: string): T[] {
  const wanted = text.toLowerCase();
  const isExact = ({ name }: T): boolean => name.toLowerCase() === wanted;
  return [...items.filter(isExact), ...items.filter((item) => !isExact(item))];
}
