/**
 * Reads and stores the digest salt, which all replicas share. The salt identifies a generation of the parser
 * (digest-salt-rules.ts).
 */
import { CONTAINER_PARSER_VERSION } from '@muster/contracts';
import type { Database } from '@muster/db';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestSaltFor, isJoining, nextDigestSalt, type DigestSaltState } from './digest-salt-rules.js';

const REFRESH_INTERVAL_MS = 5_000;

/**
 * For this many milliseconds after a refresh, a process may assume that no replica with another parser stores digests.
 */
const OWN_MS_MAX = 8_000;

/** Milliseconds that a process waits before it stores digests next to another parser. Longer than `OWN_MS_MAX`. */
const JOIN_WAIT_MS = 10_000;

/** The salts of the digests of snapshots, which all replicas on a database share. */
export interface DigestSalts {
  /** Milliseconds between two calls of `refresh`. */
  readonly intervalMs: number;
  /**
   * Reads the shared state for the first time. If replicas with another parser are running, resolves only when those
   * replicas know that this process may store digests. Call this method before the first snapshot, after this process
   * has recorded itself.
   */
  join(): Promise<void>;
  /**
   * Reads the shared state, and updates it if the set of running parser versions has changed. Waits like `join` if this
   * process was not listed for a while, because the other replicas then do not know that it is running.
   */
  refresh(): Promise<void>;
  /**
   * Returns the salt for a host, and whether a digest with this salt shows that the rows are what this process's parser
   * would write.
   */
  saltFor(hostId: string): { salt: string; isOwn: boolean };
}

export interface DigestSaltsOptions {
  now: () => Date;
  /** Milliseconds for which a replica counts as running after its last record. */
  runningMs: number;
  parserVersion?: string;
  wait?: (ms: number) => Promise<unknown>;
}

/** The salts of a process that shares its database with no other version. */
export const createUnsharedDigestSalts = (): DigestSalts => ({
  intervalMs: REFRESH_INTERVAL_MS,
  join: () => Promise.resolve(),
  refresh: () => Promise.resolve(),
  saltFor: () => ({ salt: CONTAINER_PARSER_VERSION, isOwn: true }),
});

/** Creates the salts of a process that has recorded itself as a replica. Call `join` before the first snapshot. */
export function createDigestSalts(
  { prisma }: Pick<Database, 'prisma'>,
  { now, runningMs, parserVersion: own = CONTAINER_PARSER_VERSION, wait = sleep }: DigestSaltsOptions,
): DigestSalts {
  let current: { state: DigestSaltState; readAt: Date } | null = null;
  /** Returns the stored state, and the state after this process has read which parser versions are running. */
  async function decide(client: Pick<Database['prisma'], 'replica' | 'digestSalt'>, at: Date) {
    const replicas = await client.replica.findMany({
      where: { lastSeenAt: { gt: new Date(at.getTime() - runningMs) } },
      select: { parserVersion: true },
    });
    const stored = await client.digestSalt.findUnique({ where: { id: 1 }, omit: { id: true } });
    const running = new Set([own, ...replicas.map(({ parserVersion }) => parserVersion)]);
    return { stored, next: nextDigestSalt(stored, own, running, at) };
  }

  async function refresh(): Promise<void> {
    const readAt = now();
    const seen = await decide(prisma, readAt);
    let state = seen.next;
    if (state !== seen.stored) {
      state = await prisma.$transaction(async (tx) => {
        // Only one process at a time computes and stores the state. An advisory lock also works before the row exists.
        await tx.$queryRaw`SELECT pg_advisory_xact_lock(hashtextextended('muster digest salt', 0)) IS NULL`;
        const { stored, next } = await decide(tx, readAt);
        if (next !== stored) await tx.digestSalt.upsert({ where: { id: 1 }, create: next, update: next });
        return next;
      });
    }
    // While it waits, this process keeps using the salt that it read before.
    if (isJoining(current?.state ?? null, state)) await wait(JOIN_WAIT_MS);
    current = { state, readAt };
  }

  return {
    intervalMs: REFRESH_INTERVAL_MS,
    join: refresh,
    refresh,
    saltFor(hostId) {
      if (current === null) throw new Error('the salts of digests were used before they were read');
      const at = now();
      const { salt, isOwn } = digestSaltFor(current.state, own, hostId, at);
      return { salt, isOwn: isOwn && at.getTime() - current.readAt.getTime() < OWN_MS_MAX };
    },
  };
}
