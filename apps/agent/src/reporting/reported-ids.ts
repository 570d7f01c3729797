import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerId } from '@muster/contracts';
import type { Logger } from 'pino';
import { z } from 'zod';
import { readPrivate, writeAtomically } from '../state/state-store.js';

/**
 * The containers that the API holds as present because of what this machine reported. Incomplete snapshots have to name
 * what is gone, also what was reported by an earlier run: the file in the state directory has the ids for as long as
 * snapshots are incomplete.
 */
export interface ReportedIds {
  /** What was reported and is not among `presentIds`. */
  goneFrom(presentIds: ReadonlySet<string>): string[];
  /** A complete snapshot was applied: the API holds these and no others. Never throws. */
  replace(ids: Iterable<string>): Promise<void>;
  /** An incomplete snapshot was applied. Never throws: a full disk costs the knowledge of the next run. */
  update(ids: Iterable<string>, goneIds: Iterable<string>): Promise<void>;
  /** Forgets everything: it was of a host that this machine no longer is. */
  clear(): Promise<void>;
}

const FILE_NAME = 'reported.json';

/** More than the API holds of one host; beyond it the oldest are forgotten. */
const IDS_MAX = 20_000;

/** What earlier runs reported with incomplete snapshots, as the file in `stateDir` has it. */
export async function openReportedIds(stateDir: string, log: Logger): Promise<ReportedIds> {
  const path = join(stateDir, FILE_NAME);
  let ids = await readIds(path, log);
  let isOnDisk = ids.size > 0;

  async function save(): Promise<void> {
    try {
      await writeAtomically(path, `${JSON.stringify([...ids])}\n`);
      isOnDisk = true;
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'what was reported could not be written: kept in memory');
    }
  }

  async function replace(present: Iterable<string>): Promise<void> {
    ids = new Set(present);
    if (!isOnDisk) return;
    isOnDisk = false;
    // A complete snapshot needs no memory of the one before it.
    await unlink(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ reason: (error as Error).message }, 'what was reported could not be removed');
    });
  }

  return {
    goneFrom: (presentIds) => [...ids].filter((id) => !presentIds.has(id)),
    replace,
    async update(present, goneIds) {
      let hasChanged = false;
      for (const id of goneIds) hasChanged = ids.delete(id) || hasChanged;
      for (const id of present) {
        hasChanged ||= !ids.has(id);
        ids.add(id);
      }
      for (const id of ids) {
        if (ids.size <= IDS_MAX) break;
        ids.delete(id);
      }
      if (hasChanged || !isOnDisk) await save();
    },
    clear: () => replace([]),
  };
}

const Ids = z.array(DockerId).max(IDS_MAX);

async function readIds(path: string, log: Logger): Promise<Set<string>> {
  try {
    return new Set(Ids.parse(JSON.parse(await readPrivate(path))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn({ reason: (error as Error).message }, 'what an earlier run reported cannot be read');
    }
    return new Set();
  }
}
