import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Container, SNAPSHOT_GONE_MAX, canonicalContainer, parseStatus } from '@muster/contracts';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { SnapshotOrder } from '../muster/client.js';
import { appendPrivate, readPrivate, writeAtomically } from '../state/state-store.js';

/**
 * What was seen while nothing could be sent: at one instant, the containers that had changed since the look before, and
 * those that were gone. Its place in the order of snapshots is its own for good, so that it counts once however often
 * it is sent, by whichever run of the agent.
 */
const JournalEntry = z.object({
  stream: z.guid(),
  sequence: z.int(),
  observedAt: z.iso.datetime(),
  containers: z.array(Container),
  goneIds: z.array(z.string()).max(SNAPSHOT_GONE_MAX),
});
export type JournalEntry = z.output<typeof JournalEntry>;

/**
 * A line after which an entry, and each before it, needs no telling. Without it, a run that was killed in the middle of
 * its replay would have the next one tell entries again under a stream that was superseded since, which the API takes
 * for two machines with one token.
 */
const ToldMarker = z.object({ told: JournalEntry.pick({ stream: true, sequence: true }) });

/** A bounded record, on the disk, of what happened while the API could not be told. */
export interface Journal {
  /** The API holds exactly these: what is recorded from now on is told against them. */
  acknowledged(containers: readonly Container[]): void;
  /**
   * Records how the containers differ from the last ones told or recorded. What is among `presentIds` is not gone: a host
   * of very many containers reports only some. Never throws: a full disk costs history only.
   */
  record(containers: readonly Container[], order: () => SnapshotOrder, presentIds?: ReadonlySet<string>): Promise<void>;
  size(): number;
  /** The oldest entry; null: nothing is left to tell. */
  first(): JournalEntry | null;
  /** The entry, which was the oldest, was told or never can be. Those after it may have pushed it out meanwhile. */
  drop(entry: JournalEntry): Promise<void>;
  /** Forgets everything: it was of a host that this machine no longer is. */
  clear(): Promise<void>;
}

/** Beyond either bound the oldest entries go: a hole at the beginning of the story, none in the rest. */
const ENTRIES_MAX = 500;
const BYTES_MAX = 2 * 1024 * 1024;

/** How much is kept when a bound is met, so that the file is not written anew at each entry. */
const KEPT_SHARE = 0.75;

const FILE_NAME = 'journal.ndjson';

const NONE: ReadonlySet<string> = new Set();

/** The journal in `stateDir`, with what an earlier run left in it. */
export async function openJournal(stateDir: string, log: Logger): Promise<Journal> {
  const path = join(stateDir, FILE_NAME);
  let lines = await readLines(path, log);
  let bytes = lines.reduce((sum, line) => sum + line.length, 0);
  /** What the last told or recorded look saw; null before the first. */
  let base: readonly Container[] | null = null;
  let isFileBehind = false;

  async function onDisk(what: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
      isFileBehind = false;
    } catch (error) {
      isFileBehind = true;
      log.warn({ reason: (error as Error).message }, `the journal could not be ${what}: kept in memory`);
    }
  }

  const rewrite = (): Promise<void> =>
    onDisk('written', () => writeAtomically(path, lines.map((line) => `${line}\n`).join('')));

  async function append(line: string): Promise<void> {
    lines.push(line);
    bytes += line.length;
    if (lines.length <= ENTRIES_MAX && bytes <= BYTES_MAX && !isFileBehind) {
      return onDisk('written', () => appendPrivate(path, `${line}\n`));
    }
    let dropped = 0;
    const isFull = lines.length > ENTRIES_MAX || bytes > BYTES_MAX;
    while (isFull && (lines.length > ENTRIES_MAX * KEPT_SHARE || bytes > BYTES_MAX * KEPT_SHARE)) {
      bytes -= lines.shift()!.length;
      dropped++;
    }
    if (dropped > 0) log.warn({ dropped }, 'the journal is full: its oldest entries are lost to the history');
    return rewrite();
  }

  async function forgetAll(): Promise<void> {
    lines = [];
    bytes = 0;
    await onDisk('removed', () => unlink(path).catch(ignoreMissing));
  }

  const first = (): JournalEntry | null => (lines.length === 0 ? null : JournalEntry.parse(JSON.parse(lines[0]!)));

  return {
    acknowledged(containers) {
      base = containers;
    },
    async record(containers, order, presentIds = NONE) {
      const changes = base === null ? null : changesBetween(base, containers, presentIds);
      base = containers;
      if (changes === null) return;
      const { changed, goneIds } = changes;
      for (let start = 0; start === 0 || start < goneIds.length; start += SNAPSHOT_GONE_MAX) {
        const part = goneIds.slice(start, start + SNAPSHOT_GONE_MAX);
        const { stream, sequence, observedAt } = order();
        const entry: JournalEntry = {
          ...{ stream, sequence, observedAt: observedAt.toISOString() },
          ...{ containers: start === 0 ? changed : [], goneIds: part },
        };
        await append(JSON.stringify(entry));
      }
    },
    size: () => lines.length,
    first,
    async drop({ stream, sequence }) {
      const oldest = first();
      if (oldest?.stream !== stream || oldest.sequence !== sequence) return;
      bytes -= lines.shift()!.length;
      if (lines.length === 0) return forgetAll();
      const marker: z.input<typeof ToldMarker> = { told: { stream, sequence } };
      await (isFileBehind ? rewrite() : onDisk('written', () => appendPrivate(path, `${JSON.stringify(marker)}\n`)));
    },
    clear: forgetAll,
  };
}

/** How two looks at an engine differ; null: in nothing but the age that a status text tells. */
function changesBetween(
  before: readonly Container[],
  after: readonly Container[],
  presentIds: ReadonlySet<string>,
): { changed: Container[]; goneIds: string[] } | null {
  const left = new Map(before.map((container) => [container.dockerId, container]));
  const changed: Container[] = [];
  for (const container of after) {
    const was = left.get(container.dockerId);
    left.delete(container.dockerId);
    if (was === undefined || withoutAge(was) !== withoutAge(container)) changed.push(container);
  }
  const goneIds = [...left.keys()].filter((id) => !presentIds.has(id));
  return changed.length + goneIds.length === 0 ? null : { changed, goneIds };
}

const withoutAge = (container: Container): string =>
  JSON.stringify([canonicalContainer({ ...container, status: '' }), parseStatus(container.status)]);

/** The entries of earlier runs that are still to be told. A last line that a kill cut short is dropped. */
async function readLines(path: string, log: Logger): Promise<string[]> {
  const text = await readPrivate(path).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') log.warn({ reason: message }, 'the journal of an earlier run cannot be read');
    return '';
  });
  let untold: { line: string; entry: JournalEntry }[] = [];
  let lost = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value = parseJson(line);
    const entry = JournalEntry.safeParse(value);
    const marker = ToldMarker.safeParse(value);
    if (entry.success) untold.push({ line, entry: entry.data });
    else if (marker.success) untold = untold.slice(untold.findIndex(isEntry(marker.data.told)) + 1);
    else lost++;
  }
  if (lost > 0) log.warn({ lost }, 'parts of the journal are not readable');
  return untold.map(({ line }) => line);
}

const isEntry =
  (told: Pick<JournalEntry, 'stream' | 'sequence'>) =>
  ({ entry }: { entry: JournalEntry }): boolean =>
    entry.stream === told.stream && entry.sequence === told.sequence;

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
