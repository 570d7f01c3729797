import { isContinued, type HistoryPoint } from '../database-history/index.js';
import type { Revocations } from './find-revoked-tokens.sql.js';

/** The host that a token identifies, without any other input. */
export interface AgentIdentity {
  hostId: string;
  tokenId: string;
}

/**
 * Milliseconds within which a token that another process revoked is rejected here. An entry is valid for this long
 * without polling.
 */
const LIFE_MS = 5_000;

/** Milliseconds between two polls for revoked tokens, while tokens are used. */
const LOOK_INTERVAL_MS = 2_000;

/** Milliseconds after which a token is looked up again in any case, so that its use is recorded. */
const LOOK_UP_AGAIN_MS = 600_000;

/**
 * Maximum number of cached tokens, which also limits the memory that an attack can use. Each costs about a kilobyte.
 */
const TOKENS_MAX = 50_000;

/** Caches valid agent tokens by their hashes. */
export interface AgentTokenCache {
  get(hash: string): AgentIdentity | undefined;
  /**
   * `readAt` is the value of `elapsedMs` before the lookup began, so that the entry is never considered younger than
   * it is.
   */
  set(hash: string, identity: AgentIdentity, readAt: number): void;
  /** Call this when a host's tokens are revoked or replaced: this process then rejects them at once. */
  forgetHost(hostId: string): void;
}

export interface AgentTokenCacheOptions {
  /** Monotonic clock, in milliseconds. */
  elapsedMs?: () => number;
  /** Finds the tokens that were revoked since an earlier poll. Without it, each lookup is valid for 5 seconds. */
  findRevoked?: (horizon: bigint | null) => Promise<Revocations>;
  /** Called with the error of a failed poll. */
  onLookFailed?: (error: unknown) => void;
  /**
   * Called when all tokens were discarded because the database's history is not the one in which they were found valid.
   */
  onDiscarded?: () => void;
}

interface Entry {
  identity: AgentIdentity;
  readAt: number;
  /** Whether a poll will find every revocation that the lookup could not see. */
  isWatched: boolean;
}

/** The last poll that succeeded. */
interface Look extends HistoryPoint {
  startedAt: number;
  endedAt: number;
}

/**
 * Creates a cache of agent tokens. In a fleet of ten thousand hosts, each call has a different token, so a five-second
 * cache would save nothing. Revocations are rare: a poll for them every two seconds keeps all entries valid. While
 * polls fail or are late, a lookup is valid for five seconds.
 */
export function createAgentTokenCache({
  elapsedMs = () => performance.now(),
  findRevoked,
  onLookFailed,
  onDiscarded,
}: AgentTokenCacheOptions = {}): AgentTokenCache {
  // In insertion order, so that the first is the oldest.
  const entries = new Map<string, Entry>();
  const hashesByToken = new Map<string, string>();
  const hashesByHost = new Map<string, Set<string>>();
  let lastLook: Look | null = null;
  /** When the last poll began, even if it failed. */
  let lookedAt = -Infinity;
  let isLooking = false;

  function remove(hash: string): void {
    const identity = entries.get(hash)?.identity;
    if (identity === undefined) return;
    entries.delete(hash);
    hashesByToken.delete(identity.tokenId);
    const hashes = hashesByHost.get(identity.hostId);
    hashes?.delete(hash);
    if (hashes?.size === 0) hashesByHost.delete(identity.hostId);
  }

  function discardAll(): void {
    entries.clear();
    hashesByToken.clear();
    hashesByHost.clear();
    onDiscarded?.();
  }

  async function look(find: NonNullable<AgentTokenCacheOptions['findRevoked']>): Promise<void> {
    isLooking = true;
    const startedAt = (lookedAt = elapsedMs());
    try {
      const { server, horizon, tokenIds } = await find(lastLook?.horizon ?? null);
      // A token may have been revoked by a transaction whose number is below the horizon of the lost history.
      if (lastLook !== null && !isContinued(lastLook, { server, horizon })) discardAll();
      for (const tokenId of tokenIds) {
        const hash = hashesByToken.get(tokenId);
        if (hash !== undefined) remove(hash);
      }
      lastLook = { startedAt, endedAt: elapsedMs(), server, horizon };
    } catch (error) {
      // Until a poll succeeds, no entry is valid for longer than `LIFE_MS`.
      onLookFailed?.(error);
    } finally {
      isLooking = false;
    }
  }

  return {
    get(hash) {
      const at = elapsedMs();
      const isWithin = (since: number, ms: number) => at - since < ms;
      const isLookDue = !isWithin(lookedAt, LOOK_INTERVAL_MS);
      if (findRevoked !== undefined && isLookDue && !isLooking) void look(findRevoked);
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      const isSeenTo = entry.isWatched && lastLook !== null && isWithin(lastLook.startedAt, LIFE_MS);
      if (isWithin(entry.readAt, isSeenTo ? LOOK_UP_AGAIN_MS : LIFE_MS)) return entry.identity;
      remove(hash);
      return undefined;
    },
    set(hash, identity, readAt) {
      remove(hash);
      // A poll that ended during the lookup may have found a revocation that the lookup did not see.
      entries.set(hash, { identity, readAt, isWatched: lastLook !== null && lastLook.endedAt < readAt });
      hashesByToken.set(identity.tokenId, hash);
      const hashes = hashesByHost.get(identity.hostId);
      if (hashes) hashes.add(hash);
      else hashesByHost.set(identity.hostId, new Set([hash]));
      if (entries.size > TOKENS_MAX) remove(entries.keys().next().value!);
    },
    forgetHost(hostId) {
      for (const hash of [...(hashesByHost.get(hostId) ?? [])]) remove(hash);
    },
  };
}
