/** The host that a token speaks for; known from the token alone. */
export interface AgentIdentity {
  hostId: string;
  tokenId: string;
}

/** Milliseconds for which a look-up holds: a token that another process revoked is dead here as soon. */
const LIFE_MS = 5_000;

/** Tokens that are remembered at most, whatever is thrown at us; each costs some 200 bytes. */
const TOKENS_MAX = 50_000;

/** Agent tokens that were found good a moment ago, by their hashes. */
export interface AgentTokenCache {
  get(hash: string): AgentIdentity | undefined;
  /** `readAt`: the instant before the look-up began, so that it is never taken for younger than it is. */
  set(hash: string, identity: AgentIdentity, readAt: number): void;
  /** To be called when a host's tokens are revoked or replaced: for this process they are dead at once. */
  forgetHost(hostId: string): void;
}

export function createAgentTokenCache({ now = () => new Date() }: { now?: () => Date } = {}): AgentTokenCache {
  // In the order of their setting, so that the first is the oldest.
  const entries = new Map<string, { identity: AgentIdentity; readAt: number }>();
  const hashesByHost = new Map<string, Set<string>>();

  function remove(hash: string): void {
    const hostId = entries.get(hash)?.identity.hostId;
    if (hostId === undefined) return;
    entries.delete(hash);
    const hashes = hashesByHost.get(hostId);
    hashes?.delete(hash);
    if (hashes?.size === 0) hashesByHost.delete(hostId);
  }

  return {
    get(hash) {
      const entry = entries.get(hash);
      if (entry === undefined) return undefined;
      // A clock that was set back makes an entry look younger than it is: from the future is old too.
      const age = now().getTime() - entry.readAt;
      if (age >= 0 && age < LIFE_MS) return entry.identity;
      remove(hash);
      return undefined;
    },
    set(hash, identity, readAt) {
      remove(hash);
      entries.set(hash, { identity, readAt });
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
