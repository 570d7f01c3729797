import { appendFile, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container } from '@muster/contracts';
import { pino } from 'pino';
import { openJournal } from '../src/reporting/journal.js';
import { createSnapshotStream } from '../src/reporting/snapshot-stream.js';

const log = pino({ level: 'silent' });
const at = new Date('2026-03-01T12:00:00.000Z');
const container = (dockerId: string, state = 'running', status = 'Up 5 minutes'): Container =>
  Container.parse({ dockerId, name: dockerId, image: 'i', state, status });

let dir: string;
let order: () => { stream: string; sequence: number; observedAt: Date };
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-journal-'));
  const stream = createSnapshotStream(() => '00000000-0000-4000-8000-000000000001');
  order = () => stream.next(at);
});
afterEach(() => rm(dir, { recursive: true }));

async function drain(journal: Awaited<ReturnType<typeof openJournal>>) {
  const entries: [number, string[], string[]][] = [];
  for (let entry = journal.first(); entry !== null; entry = journal.first()) {
    const states = entry.containers.map(({ dockerId, state }) => `${dockerId} ${state}`);
    entries.push([entry.sequence, states, entry.goneIds]);
    await journal.drop(entry);
  }
  return entries;
}

describe('the journal', () => {
  test('records changes between readings in order, and ignores a new age in a status', async () => {
    const journal = await openJournal(dir, log);
    journal.setBaseline([container('a'), container('b')]);
    await journal.record([container('a', 'running', 'Up 6 minutes'), container('b')], order);
    await journal.record([container('a', 'exited', 'Exited (1) 1 second ago'), container('b')], order);
    await journal.record([container('a', 'exited', 'Exited (1) 2 minutes ago'), container('c')], order);
    await journal.record([container('a'), container('c')], order);
    expect(journal.size()).toBe(3);
    expect(await drain(journal)).toEqual([
      [1, ['a exited'], []],
      [2, ['c running'], ['b']],
      [3, ['a running'], []],
    ]);
  });

  test('is kept for the next run with all streams and sequence numbers, even if a killed run left a truncated line', async () => {
    const first = await openJournal(dir, log);
    first.setBaseline([]);
    await first.record([container('a')], order);
    await first.record([container('a'), container('b')], order);
    await appendFile(join(dir, 'journal.ndjson'), '{"stream":"0000');
    const second = await openJournal(dir, log);
    expect((await stat(join(dir, 'journal.ndjson'))).mode & 0o777).toBe(0o600);
    expect(await drain(second)).toEqual([
      [1, ['a running'], []],
      [2, ['b running'], []],
    ]);
    expect((await openJournal(dir, log)).size()).toBe(0);
  });

  test('skips the entries that a killed run has already sent', async () => {
    const first = await openJournal(dir, log);
    first.setBaseline([]);
    for (const name of ['a', 'b', 'c', 'd']) await first.record([container(name)], order);
    await first.drop(first.first()!);
    await first.drop(first.first()!);
    await first.record([container('e')], order);
    const second = await openJournal(dir, log);
    expect((await drain(second)).map(([sequence]) => sequence)).toEqual([3, 4, 5]);
  });

  test('is bounded and drops its oldest entries', async () => {
    const journal = await openJournal(dir, log);
    journal.setBaseline([]);
    for (let i = 0; i < 600; i++) await journal.record([container(`c-${i}`)], order);
    expect(journal.size()).toBeLessThanOrEqual(500);
    const lines = (await readFile(join(dir, 'journal.ndjson'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(journal.size());
    expect((JSON.parse(lines.at(-1)!) as { sequence: number }).sequence).toBe(600);
  });

  test('drops no other entry if the sent entry was already dropped to make room', async () => {
    const journal = await openJournal(dir, log);
    journal.setBaseline([]);
    for (let i = 0; i < 500; i++) await journal.record([container(`c-${i}`)], order);
    const entryInFlight = journal.first()!;
    await journal.record([container('c-500')], order);
    const { sequence } = journal.first()!;
    expect(sequence).toBeGreaterThan(entryInFlight.sequence);
    await journal.drop(entryInFlight);
    expect(journal.first()!.sequence).toBe(sequence);
  });

  test('splits removals into several entries if there are too many removals for one entry', async () => {
    const journal = await openJournal(dir, log);
    journal.setBaseline(Array.from({ length: 250 }, (_, i) => container(`c-${i}`)));
    await journal.record([], order);
    expect((await drain(journal)).map(([, , goneIds]) => goneIds.length)).toEqual([100, 100, 50]);
  });

  test('keeps its entries in memory if it cannot write to disk', async () => {
    const warnings: string[] = [];
    const warnLog = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) });
    const journal = await openJournal(join(dir, 'nowhere'), warnLog);
    journal.setBaseline([]);
    await journal.record([container('a')], order);
    await journal.record([container('a'), container('b')], order);
    expect(await drain(journal)).toEqual([
      [1, ['a running'], []],
      [2, ['b running'], []],
    ]);
    // There is only one warning for all failed writes.
    expect(warnings).toHaveLength(1);
  });

  test('keeps its entries in memory if its file is a symbolic link, and does not touch the link’s target', async () => {
    const linkTarget = join(dir, 'elsewhere');
    await writeFile(linkTarget, 'not ours');
    await symlink(linkTarget, join(dir, 'journal.ndjson'));
    const journal = await openJournal(dir, log);
    journal.setBaseline([]);
    await journal.record([container('a')], order);
    expect(await readFile(linkTarget, 'utf8')).toBe('not ours');
    expect(await drain(journal)).toEqual([[1, ['a running'], []]]);
  });
});
