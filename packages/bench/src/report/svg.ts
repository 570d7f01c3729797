/** Plots as SVG text: pure, no fonts or scripts from elsewhere, readable on a light and on a dark page. */

export interface BarChart {
  title: string;
  /** What the numbers are, for instance `snapshots a second`. */
  unit: string;
  /** Names and order of the bars in each group. */
  series: readonly string[];
  groups: readonly { label: string; values: readonly (number | null)[] }[];
  /** Lengths by the logarithm: for figures that lie orders of magnitude apart. */
  logarithmic: boolean;
  format: (value: number) => string;
}

const WIDTH = 860;
const LABEL_WIDTH = 250;
const VALUE_WIDTH = 90;
const BAR_HEIGHT = 13;
const BAR_GAP = 3;
const GROUP_GAP = 14;
const HEAD_HEIGHT = 44;
const LEGEND_HEIGHT = 18;

/** Told apart on white and on black, and by those who see fewer colours (after Okabe and Ito). */
const COLORS = ['#e69f00', '#56b4e9', '#009e73', '#cc79a7', '#0072b2', '#d55e00'];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { fill: #59636e; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .quiet { fill: #9198a1; } }
`;

const escape = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Draws horizontal bars in groups, the value beside each. A value of null has no bar. */
export function barChart({ title, unit, series, groups, logarithmic, format }: BarChart): string {
  const values = groups.flatMap((group) => group.values).filter((value) => value !== null);
  const max = Math.max(...values);
  const min = Math.min(...values.filter((value) => value > 0));
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const length = (value: number): number => {
    if (value <= 0 || max <= 0) return 0;
    // A tenth of the smallest value is where a logarithmic scale begins: its bar is short, and to be seen.
    const start = Math.log10(min) - 1;
    const share = logarithmic ? (Math.log10(value) - start) / (Math.log10(max) - start) : value / max;
    return Math.max(1, share * room);
  };

  const parts: string[] = [];
  let y = HEAD_HEIGHT + series.length * LEGEND_HEIGHT;
  for (const { label, values } of groups) {
    const shown = values.flatMap((value, index) => (value === null ? [] : [{ value, index }]));
    const middle = y + (shown.length * (BAR_HEIGHT + BAR_GAP)) / 2 + 3;
    parts.push(`<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escape(label)}</text>`);
    for (const { value, index } of shown) {
      const bar = length(value).toFixed(1);
      const color = COLORS[index % COLORS.length];
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${bar}" height="${BAR_HEIGHT}" rx="2" fill="${color}"/>`,
        `<text x="${(LABEL_WIDTH + Number(bar) + 6).toFixed(1)}" y="${y + 11}">${escape(format(value))}</text>`,
      );
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const legend = series.map((name, index) => {
    const top = HEAD_HEIGHT - 8 + index * LEGEND_HEIGHT;
    const swatch = `<rect x="20" y="${top}" width="12" height="12" rx="2" fill="${COLORS[index % COLORS.length]}"/>`;
    return `${swatch}<text x="38" y="${top + 10}">${escape(name)}</text>`;
  });
  const scale = logarithmic ? `${unit}; logarithmic scale` : unit;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<text class="title" x="20" y="22">${escape(title)} <tspan class="quiet" font-weight="400">(${escape(scale)})</tspan></text>
${[...legend, ...parts].join('\n')}
</svg>
`;
}
