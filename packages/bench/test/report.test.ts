import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatBytes, formatNumber } from '@muster/measure';
import { renderMarkdown } from '../src/report/markdown.js';
import { renderPlots } from '../src/report/plots.js';
import { barChart } from '../src/report/svg.js';
import { judge, TARGETS } from '../src/report/targets.js';
import { renderTerminal } from '../src/report/terminal.js';
import { asResults, readSections, SECTION_IDS } from '../src/results.js';
import { FIXED } from './fixed-results.js';

const verdicts = Object.fromEntries(
  judge(FIXED).map(({ target, figure, reached }) => [target.id, [figure?.value, reached]]),
);

describe('targets', () => {
  test('each has an id of its own', () => {
    expect(new Set(TARGETS.map(({ id }) => id)).size).toBe(TARGETS.length);
  });

  test('what is to be large is held against its least, what is to be small against its most', () => {
    expect(verdicts).toMatchObject({
      'service-upserts-2-restarted-1': [120, true],
      'service-statement-2-restarted-1': [0.9, false],
      'http-unchanged-8': [0.95, true],
      'http-2 % changed-8': [0.25, false],
      'cpu-2 % changed-8': [6, true],
      'wal-unchanged-8': [199, true],
      'wal-2 % changed-8': [2_001, false],
      'growth-rate': [0.85, true],
    });
  });

  test('the stall is the longest of all, the read the slowest of /api/containers at the largest size, the growth of both tables', () => {
    expect(verdicts).toMatchObject({
      'event-loop-stall': [51, false],
      'reads-p95': [49, true],
      'table-growth': [1.1, false],
    });
  });

  test('what was not measured is neither reached nor missed', () => {
    expect(judge({}).every(({ figure, reached }) => figure === null && reached === null)).toBe(true);
    expect(verdicts['http-heartbeat-64']).toEqual([undefined, null]);
  });
});

describe('numbers', () => {
  test('have three figures, and thousands apart', () => {
    expect([0, 0.001234, 1.234, 12.34, 123.4, 1_234, 1_234_567].map(formatNumber)).toEqual([
      ...['0', '0.00123', '1.23', '12.3', '123', '1,230', '1,230,000'],
    ]);
    expect(formatNumber(NaN)).toBe('–');
    expect([0, 999, 1_500, 3_617_236].map(formatBytes)).toEqual(['0 B', '999 B', '1.5 kB', '3.62 MB']);
  });
});

describe('the document', () => {
  const document = renderMarkdown(FIXED, renderPlots(FIXED), { fsync: 'on' });

  test('has every target with its verdict, every section with its day and commit, and the machine', () => {
    for (const { text } of TARGETS) expect(document).toContain(text);
    expect(document).toMatch(/\| 120x +\| pass +\| 120 \(110–130\)/);
    expect(document).toMatch(/\| 51 ms +\| shortfall +\|/);
    expect(document.match(/Measured on 2026-01-02 at commit abcdef0123/g)).toHaveLength(SECTION_IDS.length);
    expect(document).toContain('A processor, 2 cores, 8 GB of memory, Linux 6, Node.js v20.0.0');
    expect(document).toContain('fsync = on');
  });

  test('refers to the plots that are there and to no others', () => {
    const names = renderPlots(FIXED).map(({ name }) => name);
    expect([...document.matchAll(/\(benchmarks\/([^)]*\.svg)\)/g)].map(([, name]) => name)).toEqual(names);
  });

  test('a quick run is called one, at its section and at its targets', () => {
    const quick = renderMarkdown({ service: { ...FIXED.service, quick: true } }, [], {});
    expect(quick).toContain('A quick run: its figures say little.');
    expect(quick).toMatch(/\| pass \(quick\) +\|/);
  });

  test('tables have as many cells in each row as columns', () => {
    const rows = document.split('\n').filter((line) => line.startsWith('|'));
    const tables = document.split('\n\n').filter((block) => block.startsWith('|'));
    expect(rows.length).toBeGreaterThan(40);
    for (const table of tables) {
      expect(
        new Set(
          table
            .trim()
            .split('\n')
            .map((line) => line.split('|').length),
        ).size,
      ).toBe(1);
    }
  });

  test('the terminal shows the targets that have figures, and those alone', () => {
    const text = renderTerminal({ 'table-growth': FIXED['table-growth'] });
    expect(text).toContain('Targets: 0 of 1 reached');
    expect(text).not.toContain('not measured');
  });
});

describe('a plot', () => {
  const chart = {
    ...{ title: 'A & B', unit: 'ms', series: ['one', 'two'], format: (value: number) => `<${value}>` },
    groups: [
      { label: 'first', values: [10, 1_000] },
      { label: 'second', values: [null, 100] },
    ],
  };
  const lengths = (svg: string) =>
    [...svg.matchAll(/<rect x="250"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));

  test('has a bar for each value, as long as the value or its logarithm asks for', () => {
    const [ten, thousand, hundred] = lengths(barChart({ ...chart, logarithmic: false }));
    expect(thousand! / hundred!).toBeCloseTo(10, 1);
    expect(hundred! / ten!).toBeCloseTo(10, 0);
    const logarithmic = lengths(barChart({ ...chart, logarithmic: true }));
    expect(logarithmic).toHaveLength(3);
    expect(logarithmic[1]! - logarithmic[2]!).toBeCloseTo(logarithmic[2]! - logarithmic[0]!, 0);
  });

  test('is well-formed whatever its texts hold, and has colours for a dark page', () => {
    const svg = barChart({ ...chart, logarithmic: true });
    expect(svg).toContain('A &#38; B');
    expect(svg).toContain('&#60;10&#62;');
    expect(svg).toContain('prefers-color-scheme: dark');
  });
});

describe('kept results', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-bench-test-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('are read as they were written, and are none where there is no file', async () => {
    const file = join(directory, 'results.json');
    expect(await readSections(file)).toEqual({});
    await writeFile(file, JSON.stringify(asResults(FIXED)));
    expect(await readSections(file)).toEqual(FIXED);
  });

  test('of another version, or what is no results at all, are refused and not overwritten', async () => {
    const file = join(directory, 'other.json');
    await writeFile(file, '{"format":0,"sections":{}}');
    await expect(readSections(file)).rejects.toThrow('another version');
    await writeFile(file, '<<<<<<< HEAD');
    await expect(readSections(file)).rejects.toThrow('not JSON');
  });
});
