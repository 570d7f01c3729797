import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Container, SNAPSHOT_REMOVED_MAX, canonicalContainer, parseStatus } from '@muster/contracts';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { SnapshotOrder } from '../muster/client.js';
import { appendPrivateFile, readPrivateFile, writeFileAtomically } from '../state/state-store.js';

/**
 * One reading of the engine that was taken while the API was unreachable. It contains the containers that changed since
 * the previous reading, and the ids of the containers that were removed. The stream and the sequence of an entry never
 * change. The API therefore applies the entry only once, even if several runs of the agent send it.
 */
const JournalEntry = z.object({
  stream: z.guid(),
  sequence: z.int(),
  observedAt: z.iso.datetime(),
  containers: z.array(Container),
  goneIds: z.array(z.string()).max(SNAPSHOT_REMOVED_MAX),
});
export type JournalEntry = z.output<typeof JournalEntry>;

/**
 * A line that marks an entry and all entries before it as sent. Without this line, an agent that was killed while it
 * sent the journal would send the same entries again after its restart. By then, another stream would have superseded
 * the stream of these entries, so the API would not apply them. Older APIs would even suspect that two machines use one
 * token. The key `told` keeps its name because earlier versions of the agent read and write it.
 */
const SentMarker = z.object({ told: JournalEntry.pick({ stream: true, sequence: true }) });

/** A bounded log on disk of the changes that could not be sent to the API. */
export interface Journal {
  /** Sets the containers that the API holds; later changes are recorded relative to them. */
  setBaseline(containers: readonly Container[]): void;
  /**
   * Records the differences between `containers` and the previous reading, which the API acknowledged or the journal
   * recorded. `presentIds` are the ids of all containers on the host. A host with too many containers reports only some
   * of them, so a container counts as removed only if `presentIds` lacks its id. Never throws, because a full disk
   * should cause only a gap in the history.
   */
  record(containers: readonly Container[], order: () => SnapshotOrder, presentIds?: ReadonlySet<string>): Promise<void>;
  /** Returns the number of entries. */
  size(): number;
  /** Returns the oldest entry, or null if the journal is empty. */
  first(): JournalEntry | null;
  /**
   * Drops an entry that was sent or can never be sent. Does nothing if the entry was already dropped to make room for
   * newer entries.
   */
  drop(entry: JournalEntry): Promise<void>;
  /** Removes all entries. Called when this machine no longer reports as the host that the entries belong to. */
  clear(): Promise<void>;
}

/**
 * Maximum number of entries. If this limit or `JOURNAL_BYTES_MAX` is exceeded, the oldest entries are dropped, so only
 * the beginning of an outage is missing from the history.
 */
const JOURNAL_ENTRIES_MAX = 500;
/** Maximum size of all entries together. Each character counts as one byte. */
const JOURNAL_BYTES_MAX = 2 * 1024 * 1024;

/**
 * If a limit is exceeded, entries are dropped until the journal is within this fraction of each limit. Otherwise, the
 * file would be rewritten for every further entry.
 */
const RETAINED_FRACTION = 0.75;

const FILE_NAME = 'journal.ndjson';

const NO_IDS: ReadonlySet<string> = new Set();

/** Opens the journal in `stateDir` and loads the entries of earlier runs. */
export async function openJournal(stateDir: string, log: Logger): Promise<Journal> {
  const path = join(stateDir, FILE_NAME);
  let lines = await readLines(path, log);
  let bytes = lines.reduce((sum, line) => sum + line.length, 0);
  /** The containers of the last acknowledged or recorded reading; null before the first one. */
  let baseline: readonly Container[] | null = null;
  let isFileStale = false;

  async function tryWrite(action: 'written' | 'removed', write: () => Promise<void>): Promise<void> {
    try {
      await write();
      isFileStale = false;
    } catch (error) {
      // While the disk is full, each change fails. Only the first failure is logged as a warning.
      const level = isFileStale ? 'debug' : 'warn';
      isFileStale = true;
      log[level]({ reason: (error as Error).message }, `the journal could not be ${action}: keeping it in memory`);
    }
  }

  const rewrite = (): Promise<void> =>
    tryWrite('written', () => writeFileAtomically(path, lines.map((line) => `${line}\n`).join('')));

  async function append(line: string): Promise<void> {
    lines.push(line);
    bytes += line.length;
    if (lines.length <= JOURNAL_ENTRIES_MAX && bytes <= JOURNAL_BYTES_MAX && !isFileStale) {
      return tryWrite('written', () => appendPrivateFile(path, `${line}\n`));
    }
    let dropped = 0;
    const isFull = lines.length > JOURNAL_ENTRIES_MAX || bytes > JOURNAL_BYTES_MAX;
    while (
      isFull &&
      (lines.length > JOURNAL_ENTRIES_MAX * RETAINED_FRACTION || bytes > JOURNAL_BYTES_MAX * RETAINED_FRACTION)
    ) {
      bytes -= lines.shift()!.length;
      dropped++;
    }
    if (dropped > 0) log.warn({ dropped }, 'the journal is full: its oldest entries will be missing in the history');
    return rewrite();
  }

  async function removeAll(): Promise<void> {
    lines = [];
    bytes = 0;
    await tryWrite('removed', () => unlink(path).catch(ignoreMissing));
  }

  const first = (): JournalEntry | null => (lines.length === 0 ? null : JournalEntry.parse(JSON.parse(lines[0]!)));

  return {
    setBaseline(containers) {
      baseline = containers;
    },
    async record(containers, order, presentIds = NO_IDS) {
      const changes = baseline === null ? null : changesBetween(baseline, containers, presentIds);
      baseline = containers;
      if (changes === null) return;
      const { changed, removedIds } = changes;
      for (let start = 0; start === 0 || start < removedIds.length; start += SNAPSHOT_REMOVED_MAX) {
        const part = removedIds.slice(start, start + SNAPSHOT_REMOVED_MAX);
        const { stream, sequence, observedAt } = order();
        const entry: JournalEntry = {
          stream,
          sequence,
          observedAt: observedAt.toISOString(),
          containers: start === 0 ? changed : [],
          goneIds: part,
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
      if (lines.length === 0) return removeAll();
      const marker: z.input<typeof SentMarker> = { told: { stream, sequence } };
      await (isFileStale
        ? rewrite()
        : tryWrite('written', () => appendPrivateFile(path, `${JSON.stringify(marker)}\n`)));
    },
    clear: removeAll,
  };
}

/** Returns how two readings differ, or null if only the ages in the status texts changed. */
function changesBetween(
  before: readonly Container[],
  after: readonly Container[],
  presentIds: ReadonlySet<string>,
): { changed: Container[]; removedIds: string[] } | null {
  const remaining = new Map(before.map((container) => [container.dockerId, container]));
  const changed: Container[] = [];
  for (const container of after) {
    const previous = remaining.get(container.dockerId);
    remaining.delete(container.dockerId);
    if (previous === undefined || serializeWithoutAge(previous) !== serializeWithoutAge(container))
      changed.push(container);
  }
  const removedIds = [...remaining.keys()].filter((id) => !presentIds.has(id));
  return changed.length + removedIds.length === 0 ? null : { changed, removedIds };
}

const serializeWithoutAge = (container: Container): string =>
  JSON.stringify([canonicalContainer({ ...container, status: '' }), parseStatus(container.status)]);

/** Returns the unsent lines of earlier runs. Skips invalid lines, such as a last line that was cut off by a kill. */
async function readLines(path: string, log: Logger): Promise<string[]> {
  const text = await readPrivateFile(path).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') log.warn({ reason: message }, 'the journal of an earlier run cannot be read');
    return '';
  });
  let unsent: { line: string; entry: JournalEntry }[] = [];
  let unreadableLines = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value = parseJson(line);
    const entry = JournalEntry.safeParse(value);
    const marker = SentMarker.safeParse(value);
    if (entry.success) unsent.push({ line, entry: entry.data });
    else if (marker.success) unsent = unsent.slice(unsent.findIndex(isEntry(marker.data.told)) + 1);
    else unreadableLines++;
  }
  if (unreadableLines > 0)
    log.warn({ lost: unreadableLines }, 'some lines of the journal are unreadable: skipping them');
  return unsent.map(({ line }) => line);
}

const isEntry =
  (sent: Pick<JournalEntry, 'stream' | 'sequence'>) =>
  ({ entry }: { entry: JournalEntry }): boolean =>
    entry.stream === sent.stream && entry.sequence === sent.sequence;

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
