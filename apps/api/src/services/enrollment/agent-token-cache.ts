import { LRUCache } from 'lru-cache';
import { isSameHistory, type HistoryPoint } from '../../lib/database-history.js';
import type { Revocations } from './find-revoked-tokens.sql.js';

/** The identity of an agent, derived from its token alone. */
export interface AgentIdentity {
  hostId: string;
  tokenId: string;
}

/**
 * Milliseconds within which this process rejects a token that another process revoked. While no poll succeeds, a cache
 * entry is valid for this long.
 */
const ENTRY_TTL_MS = 5_000;

/** Milliseconds between two polls for revoked tokens. Polls run only while tokens are used. */
const POLL_INTERVAL_MS = 2_000;

/** Milliseconds after which a token is always looked up again, so that its use is recorded. */
const REFRESH_INTERVAL_MS = 600_000;

/**
 * Maximum number of cached tokens, which also limits the memory that an attacker can use. Each cached token takes about
 * a kilobyte.
 */
const TOKENS_MAX = 50_000;

/** Caches valid agent tokens by their hashes. */
export interface AgentTokenCache {
  get(hash: string): AgentIdentity | undefined;
  /**
   * Caches a token. `readAt` is the value of `elapsedMs` before the token was looked up. The cache therefore never
   * considers an entry newer than it is.
   */
  set(hash: string, identity: AgentIdentity, readAt: number): void;
  /**
   * Drops a host's tokens. Call this method when the tokens are revoked or replaced, so that this process rejects them
   * immediately.
   */
  invalidateHost(hostId: string): void;
}

export interface AgentTokenCacheOptions {
  /** Returns the milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
  /**
   * Finds the tokens that were revoked since an earlier poll. Without this function, each lookup is valid for 5
   * seconds.
   */
  findRevoked?: (horizon: bigint | null) => Promise<Revocations>;
  /** Called with the error of a failed poll. */
  onPollFailed?: (error: unknown) => void;
  /**
   * Called when all cached tokens were discarded. This happens if the database was restarted or lost transactions after
   * the tokens were looked up (see `isSameHistory`).
   */
  onDiscarded?: () => void;
}

interface CachedToken {
  identity: AgentIdentity;
  readAt: number;
  /** True if polls find every revocation that the lookup did not see. */
  isCoveredByPolls: boolean;
}

/** The last poll that succeeded. */
interface RevocationPoll extends HistoryPoint {
  startedAt: number;
  endedAt: number;
}

/**
 * Creates a cache of agent tokens. In a fleet of ten thousand hosts, a token is rarely used twice within five seconds,
 * so caching it for five seconds would save nothing. Instead, the cache polls for revocations every two seconds.
 * Revocations are rare, and each successful poll keeps all other entries valid. While polls fail or are late, a lookup
 * is valid for five seconds.
 */
export function createAgentTokenCache({
  elapsedMs = () => performance.now(),
  findRevoked,
  onPollFailed,
  onDiscarded,
}: AgentTokenCacheOptions = {}): AgentTokenCache {
  const entries = new LRUCache<string, CachedToken>({
    max: TOKENS_MAX,
    dispose({ identity }, hash) {
      hashesByToken.delete(identity.tokenId);
      const hashes = hashesByHost.get(identity.hostId);
      hashes?.delete(hash);
      if (hashes?.size === 0) hashesByHost.delete(identity.hostId);
    },
  });
  const hashesByToken = new Map<string, string>();
  const hashesByHost = new Map<string, Set<string>>();
  let lastPoll: RevocationPoll | null = null;
  /** When the last poll began, whether or not it succeeded. */
  let polledAt = -Infinity;
  let isPolling = false;

  function discardAll(): void {
    entries.clear();
    onDiscarded?.();
  }

  async function poll(find: NonNullable<AgentTokenCacheOptions['findRevoked']>): Promise<void> {
    isPolling = true;
    const startedAt = (polledAt = elapsedMs());
    try {
      const { server, horizon, tokenIds } = await find(lastPoll?.horizon ?? null);
      // If the database lost transactions (failover, restore, crash), it assigns their ids again. A transaction that
      // revoked a token may then have an id below the old horizon, and polls do not find it.
      if (lastPoll !== null && !isSameHistory(lastPoll, { server, horizon })) discardAll();
      for (const tokenId of tokenIds) {
        const hash = hashesByToken.get(tokenId);
        if (hash !== undefined) entries.delete(hash);
      }
      lastPoll = { startedAt, endedAt: elapsedMs(), server, horizon };
    } catch (error) {
      // Until a poll succeeds, no entry is valid for longer than `ENTRY_TTL_MS`.
      onPollFailed?.(error);
    } finally {
      isPolling = false;
    }
  }

  return {
    get(hash) {
      const at = elapsedMs();
      const isWithin = (since: number, ms: number) => at - since < ms;
      const isPollDue = !isWithin(polledAt, POLL_INTERVAL_MS);
      if (findRevoked !== undefined && isPollDue && !isPolling) void poll(findRevoked);
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      const isConfirmedByPolls =
        entry.isCoveredByPolls && lastPoll !== null && isWithin(lastPoll.startedAt, ENTRY_TTL_MS);
      if (isWithin(entry.readAt, isConfirmedByPolls ? REFRESH_INTERVAL_MS : ENTRY_TTL_MS)) return entry.identity;
      entries.delete(hash);
      return undefined;
    },
    set(hash, identity, readAt) {
      // Polls cover this entry only if the last poll ended before the lookup began. A poll that ended during the lookup
      // may have found a revocation that the lookup did not see.
      entries.set(hash, { identity, readAt, isCoveredByPolls: lastPoll !== null && lastPoll.endedAt < readAt });
      hashesByToken.set(identity.tokenId, hash);
      const hashes = hashesByHost.get(identity.hostId);
      if (hashes) hashes.add(hash);
      else hashesByHost.set(identity.hostId, new Set([hash]));
    },
    invalidateHost(hostId) {
      for (const hash of [...(hashesByHost.get(hostId) ?? [])]) entries.delete(hash);
    },
  };
}
