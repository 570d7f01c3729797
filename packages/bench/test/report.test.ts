import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DocumentError, formatBytes, formatNumber } from '@muster/testkit/report';
import { EMPTY_DOCUMENT, renderTables, renderTerminal, withTargets } from '../src/report/document.js';
import { judge, TARGETS } from '../src/report/targets.js';
import { formatResults, readSections, SECTION_IDS } from '../src/results.js';
import { FIXED } from './fixed-results.js';

const verdicts = Object.fromEntries(judge(FIXED).map(({ target, figure, met }) => [target.text, [figure?.value, met]]));

describe('targets', () => {
  test('have unique texts', () => {
    expect(new Set(TARGETS.map(({ text }) => text)).size).toBe(TARGETS.length);
  });

  test('are met if the figure satisfies the bound', () => {
    expect(verdicts).toMatchObject({
      'Muster / obvious implementation, 2 % restarted, one at a time': [120, true],
      'Muster / hand-written SQL statement, 2 % restarted, one at a time': [0.9, false],
      'snapshot, unchanged: Muster / bare Express route, 8 connections': [0.95, true],
      'snapshot, 2 % changed: Muster / bare Express route, 8 connections': [0.25, false],
      'snapshot, 2 % changed: CPU of a row loop / of Muster, 8 connections': [6, true],
      'write-ahead log per snapshot, unchanged, 8 connections': [199, true],
      'write-ahead log per snapshot, 2 % changed, 8 connections': [2_001, false],
      'rate with 10,000 hosts / with 100 hosts': [0.85, true],
    });
  });

  test('cover the longest stall, the slowest read of /api/containers, and the growth of tables', () => {
    expect(verdicts).toMatchObject({
      'longest stall of the event loop, one snapshot of 5,000 containers that all changed': [51, false],
      'GET /api/containers, p95 of the slowest read at 500,000 rows': [49, true],
      'GET /api/containers, p95 of the slowest read / of one container by its key, at 500,000 rows': [24.5, true],
      'size of tables and indexes after 1,000 unchanged snapshots per host / before': [1.1, false],
    });
  });

  test('have no verdict if they were not measured', () => {
    expect(judge({}).every(({ figure, met }) => figure === null && met === null)).toBe(true);
    expect(verdicts['heartbeat: Muster / bare Express route, 64 connections']).toEqual([undefined, null]);
  });
});

describe('numbers', () => {
  test('have three significant digits and thousands separators', () => {
    expect([0, 0.001234, 1.234, 12.34, 123.4, 1_234, 1_234_567].map(formatNumber)).toEqual([
      ...['0', '0.00123', '1.23', '12.3', '123', '1,230', '1,230,000'],
    ]);
    expect(formatNumber(NaN)).toBe('–');
    expect([0, 999, 1_500, 3_617_236].map(formatBytes)).toEqual(['0 B', '999 B', '1.5 kB', '3.62 MB']);
  });
});

describe('the document', () => {
  const document = withTargets(`# Title\n\nText before.\n\n${EMPTY_DOCUMENT}\nText after.\n`, FIXED);

  test('shows each target and its result between the markers, and keeps all other text', () => {
    for (const { text } of TARGETS) expect(document).toContain(text);
    expect(document).toMatch(/\| 120x +\| met +\| 120 \(110–130\)/);
    expect(document).toMatch(/\| 51 ms +\| not met +\|/);
    expect(document).toMatch(/^# Title\n\nText before\.\n/);
    expect(document).toMatch(/\nText after\.\n$/);
    expect(withTargets(document, FIXED)).toBe(document);
  });

  test('without markers is rejected', () => {
    expect(() => withTargets('# Benchmarks\n', FIXED)).toThrow(DocumentError);
  });

  test('marks the results of a quick run', () => {
    expect(withTargets(EMPTY_DOCUMENT, { service: { ...FIXED.service, quick: true } })).toMatch(/\| met \(quick\) +\|/);
  });
});

describe('the tables', () => {
  const tables = renderTables(FIXED, { fsync: 'on' });

  const runs = (text: string) => text.slice(text.indexOf('## Runs')).split('\n## ')[0]!;

  test('show the time and commit of each section, the machine, and the settings of PostgreSQL', () => {
    for (const id of SECTION_IDS) {
      const run = runs(tables)
        .split('\n')
        .filter((line) => line.startsWith(`| ${id} `));
      expect(run).toEqual([expect.stringMatching(/\| 2026-01-02T03:04:05\.000Z +\| abcdef0123 +\|/)]);
      expect(run[0]).toMatch(/\| A processor +\| 2 +\| 8 GB +\| Linux 6 +\| v20\.0\.0 +\| 15\.1 +\| 0\.5 +\|/);
    }
    expect(tables).toMatch(/\| fsync +\| on +\|/);
  });

  test('repeat the figures of an object in each row of its lists', () => {
    expect(tables).toMatch(/\| 50 +\| 1 +\| restarted +\| 2 +\| upserts +\| 5 \(5–5\) +\| 100 +\| 20 +\| 10 +\|/);
    expect(tables).toMatch(/\| 2 % changed +\| 8 +\| muster +\| 1,000 \(1,000–1,000\) +\| 1 +\| 2 +\| 3 +\| 4 +\|/);
    expect(tables).toMatch(
      /\| 10,000 +\| 500,000 +\| 500 MB +\| 300 +\| q, common +\| \/api\/containers +\| 1 +\| 49 +\|/,
    );
    expect(tables).toMatch(/\| stall\.stallsMs +\| 40, 51 +\|/);
    expect(tables).toMatch(/\| alone\.walBytes +\| 150 B +\|/);
    expect(tables).toMatch(/\| after\.hosts +\| 200,000 +\|/);
  });

  test('state that a section was a quick run', () => {
    const quick = renderTables({ service: { ...FIXED.service, quick: true } }, {});
    expect(quick).toContain('The figures of a quick run are not meaningful.');
    expect(runs(quick)).toMatch(/\| quick +\| true +\|/);
  });

  test('have the same number of cells in each row', () => {
    const rows = tables.split('\n').filter((line) => line.startsWith('|'));
    const blocks = tables.split('\n\n').filter((block) => block.startsWith('|'));
    expect(rows.length).toBeGreaterThan(20);
    for (const block of blocks) {
      const lengths = block
        .trim()
        .split('\n')
        .map((line) => line.split('|').length);
      expect(new Set(lengths).size).toBe(1);
    }
  });

  test('are followed, in the terminal, by the targets that were measured', () => {
    const text = renderTerminal({ 'table-growth': FIXED['table-growth'] });
    expect(text).toContain('Targets: 0 of 1 met');
    expect(text).not.toContain('not measured');
  });
});

describe('saved results', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-bench-test-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('are read unchanged, and are empty if the file is missing', async () => {
    const file = join(directory, 'results.json');
    expect(await readSections(file)).toEqual({});
    await writeFile(file, formatResults(FIXED));
    expect(await readSections(file)).toEqual(FIXED);
  });

  test('are rejected if they have another version or are not JSON', async () => {
    const file = join(directory, 'other.json');
    await writeFile(file, '{"format":0,"sections":{}}');
    await expect(readSections(file)).rejects.toThrow('another version');
    await writeFile(file, '<<<<<<< HEAD');
    await expect(readSections(file)).rejects.toThrow('not valid JSON');
  });
});
