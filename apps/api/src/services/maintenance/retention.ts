import { Prisma, type Database } from '@muster/db';
import type { Lease } from '../../lib/lease.js';
import { deleteHostData } from '../hosts/index.js';
import { type EventTable, findHostsWithEventsBefore, pruneEvents } from './prune-events.sql.js';
import {
  findHostsWithExcess,
  findHostsWithRemovedBefore,
  pruneExcessContainers,
  pruneRemovedContainers,
} from './prune-removed-containers.sql.js';

const DAY_MS = 86_400_000;

/** Milliseconds for which a removed container is kept. */
const REMOVED_KEPT_MS = 7 * DAY_MS;

/** Maximum number of removed containers that are kept per host. */
const REMOVED_KEPT_MAX = 10_000;

/**
 * Maximum milliseconds between a removal's timestamp and its commit. A removal that was committed after the previous
 * pass can therefore have a timestamp from before that pass.
 */
const REMOVAL_DELAY_MS = 5 * 60_000;

/** Milliseconds for which the token hashes of a deleted host are kept, so that its agent receives `host-deleted`. */
const DELETED_HOST_KEPT_MS = 30 * DAY_MS;

/** Milliseconds for which a revoked token is kept if its host was not deleted. */
const REVOKED_TOKEN_KEPT_MS = 30 * DAY_MS;

/**
 * Milliseconds for which an expired invitation is kept. Sessions and sign-in verifications are deleted as soon as they
 * expire.
 */
const EXPIRED_INVITATION_KEPT_MS = 30 * DAY_MS;

/** The default number of days for which a host's history is kept. */
export const EVENT_DAYS_DEFAULT = 90;

/**
 * Pause in milliseconds between two batches of events. During the pause, the database can run more important queries.
 */
const BATCH_PAUSE_MS = 50;

/**
 * One call of `deleteHostData` deletes at most this many batches of a deleted host's rows from each table. Another call
 * deletes the rest.
 */
const DELETE_BATCHES_MAX = 100;

/** Maximum number of rows that one statement deletes, so that no sync waits long for the host's lock. */
const BATCH_ROWS = 1_000;

/** Maximum number of deleted hosts whose rows one statement deletes. A host's tokens are deleted with the host. */
const HOSTS_MAX = 100;

/**
 * Maximum difference in milliseconds between this process's clock and the database's. If the difference is larger, one
 * of the clocks is wrong.
 */
const CLOCK_SKEW_MS_MAX = 60_000;

/** The lease lasts longer than the time between two passes, so that a running process keeps the lease. */
export const RETENTION_LEASE = { name: 'retention', ttlMs: 15 * 60_000 };

const RETENTION_STEPS = [
  'removed_containers',
  'excess_containers',
  'deleted_hosts',
  'revoked_tokens',
  'expired',
  'events',
  'host_events',
] as const;
export type RetentionStep = (typeof RETENTION_STEPS)[number];

/** How many rows a pass deleted, by kind. `expired` counts sessions, sign-in verifications and invitations. */
export interface PrunedCounts {
  containers: number;
  hosts: number;
  events: number;
  expired: number;
  tokens: number;
}

export interface RetentionService {
  /**
   * Deletes data whose retention period is over, in small statements, until `isStopped` returns true. The next call
   * deletes the rest. Each step runs even if another step failed. Deletes nothing while another process holds the
   * lease, or while this process's clock and the database's differ by more than a minute. Never deletes audit entries.
   */
  prune(isStopped?: () => boolean): Promise<PrunedCounts>;

  /** Releases the lease, so that another process can take over. */
  release(): Promise<void>;

  /**
   * Returns the time when each step last succeeded in any process, as read in the last pass. If a step never succeeded,
   * its time is that of the first pass on this database. Before this process's first pass, all times are the creation
   * time of this service.
   */
  lastSuccesses(): ReadonlyMap<RetentionStep, Date>;

  /** Returns whether the last pass deleted nothing because the clocks differ. */
  isPaused(): boolean;
}

export interface RetentionOptions {
  /** Returns the database's time. */
  now: () => Date;
  /** Returns the milliseconds by which this process's wall clock is ahead of `now`. */
  skewMs?: () => number;
  /** A process deletes only while it holds this lease. If no lease is given, every process deletes. */
  lease?: Lease;
  removedKeptMax?: number;
  /** Number of days for which events are kept; 0 keeps them forever. */
  eventDays?: number;
  /** Maximum number of events that one statement deletes. */
  eventBatchRows?: number;
  pauseMs?: number;
  onFailure?: (step: RetentionStep, error: unknown) => void;
  /** Called for each pass that deletes nothing because the clocks differ. */
  onPaused?: (skewMs: number) => void;
}

export function createRetentionService(db: Database, options: RetentionOptions): RetentionService {
  const { now, skewMs = () => 0, lease, removedKeptMax = REMOVED_KEPT_MAX, onFailure, onPaused } = options;
  const { eventDays = EVENT_DAYS_DEFAULT, eventBatchRows = BATCH_ROWS, pauseMs = BATCH_PAUSE_MS } = options;
  const { prisma } = db;
  const createdAt = now();
  const lastSuccesses = new Map<RetentionStep, Date>(RETENTION_STEPS.map((step) => [step, createdAt]));
  let removalsCheckedAt: Date | null = null;
  let isPaused = false;

  /** Repeats a statement until it deletes fewer rows than a full batch. Returns the number of all deleted rows. */
  async function deleteInBatches(deleteBatch: () => Promise<number>, rowsMax: number, isStopped: () => boolean) {
    let total = 0;
    for (let deleted = rowsMax; deleted === rowsMax && !isStopped(); total += deleted) deleted = await deleteBatch();
    return total;
  }

  async function pruneRemoved(at: number, isStopped: () => boolean): Promise<number> {
    const before = new Date(at - REMOVED_KEPT_MS);
    let containers = 0;
    for (let deleted = 1; deleted > 0 && !isStopped(); containers += deleted) {
      deleted = 0;
      for (const hostId of await findHostsWithRemovedBefore(db, before)) {
        const deleteBatch = () => pruneRemovedContainers(db, hostId, before, BATCH_ROWS);
        deleted += await deleteInBatches(deleteBatch, BATCH_ROWS, isStopped);
        if (isStopped()) break;
      }
    }
    return containers;
  }

  /**
   * Checks only hosts from which containers were removed since the last pass, because no other host can exceed the
   * limit.
   */
  async function pruneExcess(at: number, isStopped: () => boolean): Promise<number> {
    const since = new Date(removalsCheckedAt === null ? 0 : removalsCheckedAt.getTime() - REMOVAL_DELAY_MS);
    let containers = 0;
    for await (const hostId of findHostsWithExcess(db, since, removedKeptMax)) {
      if (isStopped()) return containers;
      const deleteBatch = () => pruneExcessContainers(db, hostId, removedKeptMax, BATCH_ROWS);
      containers += await deleteInBatches(deleteBatch, BATCH_ROWS, isStopped);
    }
    if (!isStopped()) removalsCheckedAt = new Date(at);
    return containers;
  }

  async function pruneDeletedHosts(at: number, isStopped: () => boolean): Promise<number> {
    const unpurged = { where: { deletedAt: { not: null }, purgedAt: null }, select: { id: true } };
    for (const { id } of await prisma.host.findMany(unpurged)) {
      while (!isStopped() && !(await deleteHostData(db, id, DELETE_BATCHES_MAX, isStopped))) continue;
      if (isStopped()) return 0;
      await prisma.host.update({ where: { id }, data: { purgedAt: new Date(at) } });
    }
    const deletedAt = { lt: new Date(at - DELETED_HOST_KEPT_MS) };
    const deleteBatch = async () =>
      (await prisma.host.deleteMany({ where: { deletedAt, purgedAt: { not: null } }, limit: HOSTS_MAX })).count;
    return deleteInBatches(deleteBatch, HOSTS_MAX, isStopped);
  }

  const pruneTokens = (at: number, isStopped: () => boolean) =>
    deleteInBatches(
      // Skips the tokens of deleted hosts, because deleting these hosts deletes their tokens.
      () =>
        prisma.$executeRaw(Prisma.sql`
        DELETE FROM agent_tokens WHERE id IN (
          SELECT t.id FROM agent_tokens AS t JOIN hosts AS h ON h.id = t."hostId"
          WHERE t."revokedAt" < ${new Date(at - REVOKED_TOKEN_KEPT_MS)}::timestamptz AND h."deletedAt" IS NULL
          ORDER BY t."revokedAt" LIMIT ${BATCH_ROWS}::int)`),
      BATCH_ROWS,
      isStopped,
    );

  async function pruneHistory(table: EventTable, before: Date, isStopped: () => boolean): Promise<number> {
    if (table === 'host_events') {
      // Availability is unknown before this time, even if events are kept for longer from now on.
      await prisma.$executeRaw`
        UPDATE retention_steps SET "deletedBefore" = GREATEST("deletedBefore", ${before}::timestamptz)
        WHERE step = 'host_events'`;
    }
    let events = 0;
    for await (const hostId of findHostsWithEventsBefore(db, table, before)) {
      for (let deleted = eventBatchRows; deleted === eventBatchRows;) {
        if (isStopped()) return events;
        deleted = await pruneEvents(db, table, hostId, before, eventBatchRows);
        events += deleted;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    return events;
  }

  async function pruneExpired(at: number, isStopped: () => boolean): Promise<number> {
    const before = (ms: number) => ({ where: { expiresAt: { lt: new Date(ms) } }, limit: BATCH_ROWS });
    const batchDeletions = [
      () => prisma.session.deleteMany(before(at)),
      () => prisma.verification.deleteMany(before(at)),
      () => prisma.invitation.deleteMany(before(at - EXPIRED_INVITATION_KEPT_MS)),
    ];
    let expired = 0;
    for (const deleteBatch of batchDeletions) {
      expired += await deleteInBatches(async () => (await deleteBatch()).count, BATCH_ROWS, isStopped);
    }
    return expired;
  }

  /**
   * Reads the last successes that all processes recorded. Otherwise, a process that restarts often would hide a step
   * that always fails.
   */
  async function readLastSuccesses(): Promise<void> {
    const succeededAt = now();
    await prisma.retentionStep.createMany({
      data: RETENTION_STEPS.map((step) => ({ step, succeededAt })),
      skipDuplicates: true,
    });
    const recorded = new Map((await prisma.retentionStep.findMany()).map((row) => [row.step, row.succeededAt]));
    for (const step of RETENTION_STEPS) lastSuccesses.set(step, recorded.get(step) ?? succeededAt);
  }

  async function recordSuccess(step: RetentionStep): Promise<void> {
    const succeededAt = now();
    await prisma.retentionStep.update({ where: { step }, data: { succeededAt } });
    lastSuccesses.set(step, succeededAt);
  }

  const isClockWrong = () => Math.abs(skewMs()) > CLOCK_SKEW_MS_MAX;

  async function pruneAll(isStopped: () => boolean): Promise<PrunedCounts> {
    const at = now().getTime();
    /** Runs a step. A failure is reported and does not stop the other steps. */
    async function run(step: RetentionStep, action: () => Promise<number>): Promise<number> {
      if (isStopped()) return 0;
      try {
        const rows = await action();
        if (!isStopped()) await recordSuccess(step);
        return rows;
      } catch (error) {
        onFailure?.(step, error);
        return 0;
      }
    }
    const removed = await run('removed_containers', () => pruneRemoved(at, isStopped));
    const excess = await run('excess_containers', () => pruneExcess(at, isStopped));
    const hosts = await run('deleted_hosts', () => pruneDeletedHosts(at, isStopped));
    const tokens = await run('revoked_tokens', () => pruneTokens(at, isStopped));
    const expired = await run('expired', () => pruneExpired(at, isStopped));
    const pruneTable = (table: EventTable) =>
      eventDays === 0 ? Promise.resolve(0) : pruneHistory(table, new Date(at - eventDays * DAY_MS), isStopped);
    const containerEvents = await run('events', () => pruneTable('container_events'));
    const hostEvents = await run('host_events', () => pruneTable('host_events'));
    return { containers: removed + excess, hosts, events: containerEvents + hostEvents, expired, tokens };
  }

  return {
    async prune(isStopped = () => false) {
      const noneDeleted = { containers: 0, hosts: 0, events: 0, expired: 0, tokens: 0 };
      await readLastSuccesses();
      isPaused = isClockWrong();
      if (isPaused) {
        onPaused?.(skewMs());
        return noneDeleted;
      }
      if (lease === undefined) return pruneAll(() => isStopped() || isClockWrong());
      if (!(await lease.acquire())) return noneDeleted;
      const renewal = setInterval(() => void lease.renew().catch(() => undefined), lease.remainingMs() / 3);
      try {
        return await pruneAll(() => isStopped() || isClockWrong() || lease.remainingMs() === 0);
      } finally {
        clearInterval(renewal);
      }
    },

    release: async () => lease?.release(),

    lastSuccesses: () => lastSuccesses,

    isPaused: () => isPaused,
  };
}
