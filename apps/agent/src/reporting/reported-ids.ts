import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerId } from '@muster/contracts';
import type { Logger } from 'pino';
import { z } from 'zod';
import { readPrivateFile, writeFileAtomically } from '../state/state-store.js';

/**
 * The ids of the containers that this machine reported and that the API therefore stores as present. An incomplete
 * snapshot must list all removed containers, including containers that an earlier run reported. The ids are therefore
 * stored in the state directory for as long as snapshots are incomplete.
 */
export interface ReportedIds {
  /** Returns the reported ids that are not among `presentIds`. */
  findRemoved(presentIds: ReadonlySet<string>): string[];
  /** Records that a complete snapshot was applied, so the API holds exactly `ids`. Never throws. */
  replace(ids: Iterable<string>): Promise<void>;
  /**
   * Records that an incomplete snapshot was applied. Never throws. If the disk is full, the next run does not know
   * the new ids.
   */
  update(ids: Iterable<string>, removedIds: Iterable<string>): Promise<void>;
  /** Removes all ids. Called when this machine no longer reports as the host that the ids belong to. */
  clear(): Promise<void>;
}

const FILE_NAME = 'reported.json';

/**
 * Maximum number of stored ids. If there are more, the oldest are dropped. The API stores fewer containers than this
 * for each host.
 */
const IDS_MAX = 20_000;

/** Opens the file of reported ids in `stateDir` and loads the ids that earlier runs stored. */
export async function openReportedIds(stateDir: string, log: Logger): Promise<ReportedIds> {
  const path = join(stateDir, FILE_NAME);
  let ids = await readIds(path, log);
  let isOnDisk = ids.size > 0;
  let hasFailed = false;

  async function save(): Promise<void> {
    try {
      await writeFileAtomically(path, `${JSON.stringify([...ids])}\n`);
      isOnDisk = true;
      hasFailed = false;
    } catch (error) {
      const level = hasFailed ? 'debug' : 'warn';
      hasFailed = true;
      log[level]({ reason: (error as Error).message }, 'the reported ids could not be written: keeping them in memory');
    }
  }

  async function replace(present: Iterable<string>): Promise<void> {
    ids = new Set(present);
    if (!isOnDisk) return;
    isOnDisk = false;
    // A complete snapshot makes the stored ids unnecessary.
    await unlink(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ reason: (error as Error).message }, 'the file of reported ids could not be removed');
    });
  }

  return {
    findRemoved: (presentIds) => [...ids].filter((id) => !presentIds.has(id)),
    replace,
    async update(present, removedIds) {
      let hasChanged = false;
      for (const id of removedIds) hasChanged = ids.delete(id) || hasChanged;
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
    return new Set(Ids.parse(JSON.parse(await readPrivateFile(path))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn({ reason: (error as Error).message }, 'the ids that an earlier run reported cannot be read');
    }
    return new Set();
  }
}
