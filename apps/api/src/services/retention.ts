import { Prisma, type Database } from '@muster/db';
import { forgetHost } from '../sql/forget-host.js';
import { forgetSupersededChanges } from '../sql/forget-superseded-changes.js';
import { hostsWithEventsBefore, pruneEvents } from '../sql/prune-events.js';

const DAY_MS = 86_400_000;

/** Milliseconds that a removed container is kept, and how many of a host at most. */
const REMOVED_KEPT_MS = 7 * DAY_MS;
const REMOVED_KEPT_MAX = 10_000;

/** Milliseconds that a deleted host's token hashes are kept, so that its agent can be told to stop. */
const DELETED_HOST_KEPT_MS = 30 * DAY_MS;

/**
 * Milliseconds that an invitation is kept once it has expired, for whoever made it sees so in the list. What proves an
 * identity (sessions, and steps of signing in) is worth nothing to anybody from then on.
 */
const EXPIRED_INVITATION_KEPT_MS = 30 * DAY_MS;

/** Days that a host's history is kept, unless told otherwise. */
const EVENT_DAYS_DEFAULT = 90;

/** Milliseconds between two batches of events, in which the database has only what is worth more to do. */
const PAUSE_MS = 50;

/** Milliseconds that a superseded row of `container_changes` is kept: longer than any write takes. */
const CHANGES_KEPT_MS = 3_600_000;

/** Batches of a deleted host's rows between two looks at whether any are left. */
const FORGET_BATCHES = 100;

/** Rows deleted by one statement: few enough that no sync waits long for the host's lock. */
const BATCH_ROWS = 1_000;

export interface RetentionService {
  /**
   * Deletes what has been kept for long enough, in small statements; of the history a batch at a time with a pause
   * after it, until `isStopped`. What remains then is for the next time. Audit entries are kept. Resolves with how many
   * rows of each kind went; `expired` are of what expires: sessions, steps of signing in, invitations.
   */
  prune(isStopped?: () => boolean): Promise<{ containers: number; hosts: number; events: number; expired: number }>;
}

export interface RetentionOptions {
  now: () => Date;
  removedKeptMax?: number;
  /** Days that events are kept; 0: for good. */
  eventDays?: number;
  /** Events deleted by one statement. */
  eventBatchRows?: number;
  pauseMs?: number;
}

export function createRetentionService(db: Database, options: RetentionOptions): RetentionService {
  const { now, removedKeptMax = REMOVED_KEPT_MAX } = options;
  const { eventDays = EVENT_DAYS_DEFAULT, eventBatchRows = BATCH_ROWS, pauseMs = PAUSE_MS } = options;
  const { prisma } = db;

  /** Hosts that hold a removed container older than `before`, or more removed ones than may be kept. */
  const hostsToPrune = (before: Date) =>
    prisma.$queryRaw<{ hostId: string }[]>(Prisma.sql`
      SELECT "hostId"::text AS "hostId" FROM containers WHERE "removedAt" IS NOT NULL
      GROUP BY "hostId" HAVING min("removedAt") < ${before}::timestamptz OR count(*) > ${removedKeptMax}::int`);

  /**
   * Deletes a batch of a host's removed containers, the oldest first. It holds the host's lock and raises its
   * revision: a snapshot that brings one of them back either committed before (then `removedAt` is null again and
   * the row stays) or compares anew.
   */
  const pruneHost = (hostId: string, before: Date) =>
    prisma.$executeRaw(Prisma.sql`
      WITH guard AS (
        UPDATE hosts SET revision = revision + 1 WHERE id = ${hostId}::uuid RETURNING id
      ), aged AS (
        SELECT "dockerId", "removedAt" FROM (
          SELECT "dockerId", "removedAt", row_number() OVER (ORDER BY "removedAt" DESC, "dockerId") AS place
          FROM containers WHERE "hostId" = ${hostId}::uuid AND "removedAt" IS NOT NULL
        ) AS removed
        WHERE "removedAt" < ${before}::timestamptz OR place > ${removedKeptMax}::int
        ORDER BY "removedAt" LIMIT ${BATCH_ROWS}::int
      )
      DELETE FROM containers USING guard, aged
      WHERE containers."hostId" = guard.id AND containers."dockerId" = aged."dockerId"
        AND containers."removedAt" = aged."removedAt"`);

  async function pruneHistory(before: Date, isStopped: () => boolean): Promise<number> {
    let events = 0;
    for await (const hostId of hostsWithEventsBefore(db, before)) {
      for (let deleted = eventBatchRows; deleted === eventBatchRows;) {
        if (isStopped()) return events;
        deleted = await pruneEvents(db, hostId, before, eventBatchRows);
        events += deleted;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    return events;
  }

  async function pruneExpired(at: number): Promise<number> {
    const before = (ms: number) => ({ where: { expiresAt: { lt: new Date(ms) } }, limit: BATCH_ROWS });
    const kinds = [
      () => prisma.session.deleteMany(before(at)),
      () => prisma.verification.deleteMany(before(at)),
      () => prisma.invitation.deleteMany(before(at - EXPIRED_INVITATION_KEPT_MS)),
    ];
    let expired = 0;
    for (const deleteBatch of kinds) {
      for (let deleted = BATCH_ROWS; deleted === BATCH_ROWS; expired += deleted) deleted = (await deleteBatch()).count;
    }
    return expired;
  }

  return {
    async prune(isStopped = () => false) {
      const at = now().getTime();
      const before = new Date(at - REMOVED_KEPT_MS);
      let containers = 0;
      for (const { hostId } of await hostsToPrune(before)) {
        for (;;) {
          const deleted = await pruneHost(hostId, before);
          containers += deleted;
          if (deleted < BATCH_ROWS) break;
        }
      }
      await forgetSupersededChanges(db, new Date(at - CHANGES_KEPT_MS));
      const deleted = { where: { deletedAt: { not: null } }, select: { id: true } };
      for (const { id } of await prisma.host.findMany(deleted)) {
        while (!(await forgetHost(db, id, FORGET_BATCHES))) continue;
      }
      const { count: hosts } = await prisma.host.deleteMany({
        where: { deletedAt: { lt: new Date(at - DELETED_HOST_KEPT_MS) } },
      });
      const expired = await pruneExpired(at);
      const events = eventDays === 0 ? 0 : await pruneHistory(new Date(at - eventDays * DAY_MS), isStopped);
      return { containers, hosts, events, expired };
    },
  };
}
