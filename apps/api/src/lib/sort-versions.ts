/**
 * Orders version texts as versions: 29.10 after 29.9, and a pre-release such as 1.0.0-rc.1 before 1.0.0, as in Semantic
 * Versioning. Numbers of any length are compared without loss. Texts that denote the same version are in the order of
 * their characters, so that the order is total.
 */
export function sortVersions(versions: Iterable<string>): string[] {
  return [...versions]
    .map((text) => ({ text, parts: partsOf(text) }))
    .sort((a, b) => compareParts(a.parts, b.parts) || compareText(a.text, b.text))
    .map(({ text }) => text);
}

/** Splits a version at its dots, at its dashes, and between digits and other characters. */
const partsOf = (version: string): readonly string[] => version.match(/\d+|[^\d.+-]+|[+-]/g) ?? [];

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = rankOf(a[i]) - rankOf(b[i]) || comparePart(a[i] ?? '', b[i] ?? '');
    if (order !== 0) return order;
  }
  return 0;
}

/** Returns the rank of a part. A dash begins a pre-release, so a dash sorts before the end of a version. */
const rankOf = (part: string | undefined): number => {
  if (part === '-') return 0;
  if (part === undefined) return 1;
  return /^\d/.test(part) ? 3 : 2;
};

function comparePart(a: string, b: string): number {
  if (!/^\d/.test(a)) return compareText(a, b);
  const [left, right] = [a, b].map((digits) => digits.replace(/^0+/, '')) as [string, string];
  return left.length - right.length || compareText(left, right);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
