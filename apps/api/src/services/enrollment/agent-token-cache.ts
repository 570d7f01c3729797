import { isContinued, type HistoryPoint } from '../live/database-history.js';
import type { Revocations } from './find-revoked-tokens.sql.js';

/** The host that a token speaks for; known from the token alone. */
export interface AgentIdentity {
  hostId: string;
  tokenId: string;
}

/** Milliseconds in which a token that another process revoked is dead here: what anything known holds for by itself. */
const LIFE_MS = 5_000;

/** Milliseconds between two looks at what was revoked, while tokens are asked for. */
const LOOK_INTERVAL_MS = 2_000;

/** Milliseconds after which a token is looked up again in any case, so that its use is noted. */
const LOOK_UP_AGAIN_MS = 600_000;

/** Tokens that are remembered at most, whatever is thrown at us; each costs about a kilobyte. */
const TOKENS_MAX = 50_000;

/** Agent tokens that were found good, by their hashes. */
export interface AgentTokenCache {
  get(hash: string): AgentIdentity | undefined;
  /** `readAt`: by `elapsedMs`, the instant before the look-up began, so that it is never taken for younger than it is. */
  set(hash: string, identity: AgentIdentity, readAt: number): void;
  /** To be called when a host's tokens are revoked or replaced: for this process they are dead at once. */
  forgetHost(hostId: string): void;
}

export interface AgentTokenCacheOptions {
  /** Milliseconds of a clock that is never set. */
  elapsedMs?: () => number;
  /** Finds what was revoked since an earlier look; absent: each look-up holds for 5 seconds and no longer. */
  findRevoked?: (horizon: bigint | null) => Promise<Revocations>;
  /** Called with why a look failed. */
  onLookFailed?: (error: unknown) => void;
  /** Called when all tokens were discarded, because the database's history is not the one in which they were found good. */
  onDiscarded?: () => void;
}

interface Entry {
  identity: AgentIdentity;
  readAt: number;
  /** Whether each revocation that its look-up could not see will be among those that a look finds. */
  isWatched: boolean;
}

/** The last look that ended. */
interface Look extends HistoryPoint {
  startedAt: number;
  endedAt: number;
}

/**
 * A fleet of ten thousand calls with another token each time, so that a memory of five seconds spares it nothing. What
 * changes is rare: a look every two seconds at what was revoked keeps all tokens good. Where looks fail or come late, a
 * look-up holds for five seconds.
 */
export function createAgentTokenCache({
  elapsedMs = () => performance.now(),
  findRevoked,
  onLookFailed,
  onDiscarded,
}: AgentTokenCacheOptions = {}): AgentTokenCache {
  // In the order of their setting, so that the first is the oldest.
  const entries = new Map<string, Entry>();
  const hashesByToken = new Map<string, string>();
  const hashesByHost = new Map<string, Set<string>>();
  let lastLook: Look | null = null;
  /** When the last one began, whatever became of it. */
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
      // A token may have been revoked by a transaction whose number lies below the horizon of the lost history.
      if (lastLook !== null && !isContinued(lastLook, { server, horizon })) discardAll();
      for (const tokenId of tokenIds) {
        const hash = hashesByToken.get(tokenId);
        if (hash !== undefined) remove(hash);
      }
      lastLook = { startedAt, endedAt: elapsedMs(), server, horizon };
    } catch (error) {
      // Until a look succeeds, nothing holds for longer than its look-up.
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
      // A look that ended meanwhile may have found what the look-up did not see.
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
