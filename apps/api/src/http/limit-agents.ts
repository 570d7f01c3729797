import type { Response } from 'express';
import { createTokenBuckets, type TakeResult } from '../lib/token-bucket.js';
import { RateLimitedError, SnapshotDelayedError } from '../errors.js';

/** The burst of small calls, as a share of the limit per minute. Small calls are all calls except snapshots. */
const BURST_SHARE = 1 / 10;

/** Minimum burst of small calls. If the limit per minute is lower than this, the burst equals the limit. */
const BURST_MIN = 10;

/**
 * Minimum number of snapshots that a host can send in a burst. An agent that reconnects after a day sends up to 500
 * journal entries and then a whole snapshot.
 */
const SNAPSHOT_BURST_MIN = 600;
/**
 * Minimum budget, in cost units, for the body bytes and written rows of a burst of snapshots. The budget suffices for a
 * journal of 2 MiB and the snapshot after it, or for one snapshot of 10 MiB that changes 5,000 containers.
 */
const COST_BURST_MIN = 300;

/** Number of body bytes that cost one unit. */
const BODY_BYTES_PER_COST_UNIT = 64 * 1_024;

/** Number of written rows that cost one unit. */
const ROWS_PER_COST_UNIT = 50;

/**
 * Number of bytes of parsed text, after decompression, that cost one unit. This cost limits the CPU time of snapshots
 * that change nothing. A snapshot with 10 MiB of text can be compressed to 50 KiB, but takes 0.1 to 0.2 s to process.
 */
const TEXT_BYTES_PER_COST_UNIT = 256 * 1_024;
/**
 * Minimum budget, in cost units, for the text of a burst of snapshots. The budget suffices for 16 of the largest
 * snapshots.
 */
const TEXT_BURST_MIN = 640;
/**
 * Number of bytes of written history that cost one unit. If all 5,000 containers of a host change, the history grows by
 * 1 to 2 MiB.
 */
const HISTORY_BYTES_PER_COST_UNIT = 16 * 1_024;
/** Minimum budget, in cost units, for the written history of a burst of snapshots: 32 MiB. */
const HISTORY_BURST_MIN = 2_048;

/**
 * The limit of token rotations per host. An agent rotates its token once a month, and each rotation leaves a row for 30
 * days.
 */
const ROTATION_LIMIT = { perMinute: 2, burst: 20 };

/**
 * The limit of changed facts per host. Each change can write a few entries of the audit log, which is never pruned. An
 * agent whose facts are not stored sends them again after an hour.
 */
const FACTS_LIMIT = { perMinute: 0.2, burst: 20 };

/** Minimum milliseconds between two delayed snapshots that update a host's last-seen time. */
const LAST_SEEN_INTERVAL_MS = 5_000;

/**
 * Counts a host's call and sets headers with the remaining budget. Returns the error if the call is refused, or null.
 */
export type AgentLimit = (hostId: string, res: Response) => RateLimitedError | null;

export interface AgentLimits {
  /** Limits small calls. */
  calls: AgentLimit;
  /** Refuses snapshots while the cost of the host's earlier snapshots exceeds the host's budget. */
  snapshots: AgentLimit;
  /** Limits rotations, in addition to `calls`. */
  rotations: AgentLimit;
  /** Counts a change to a host's facts, and returns whether the change may be stored now. */
  facts(hostId: string): boolean;
  /**
   * Charges written history to a host's budget. While the history exceeds the budget, neither snapshots nor facts of
   * the host are accepted.
   */
  chargeHistory(hostId: string, historyBytes: number): void;
  /** Charges a snapshot's cost to the budget of its host. */
  chargeSnapshot(hostId: string, cost: SnapshotCost): void;
}

export interface SnapshotCost {
  /** Size of the body before decompression. */
  bodyBytes: number;
  /** Number of container rows written. */
  rowsWritten: number;
  /** Size of the parsed text after decompression. */
  textBytes: number;
  /** Size of the written events. */
  historyBytes: number;
}

export interface AgentLimitOptions {
  /**
   * The number of small calls that each host may make per minute. Each of the three snapshot budgets (see
   * `createAgentLimits`) also grows by this many cost units per minute. 0: unlimited.
   */
  perMinute: number;
  /** Milliseconds of a monotonic clock. */
  elapsedMs: () => number;
  /**
   * Maximum Retry-After of a refused snapshot, in milliseconds. This maximum keeps a waiting agent from looking dead.
   */
  retryAfterMsMax: number;
}

/**
 * Limits the calls of each host's agent and reports the remaining budget in headers
 * (draft-ietf-httpapi-ratelimit-headers-11). Small calls are counted separately from snapshots, so that a host whose
 * snapshots are delayed can still send heartbeats. Snapshots are limited by number and by cost. Each host has three
 * budgets in cost units: one for body bytes and written rows, one for parsed text, and one for written history. The
 * limits apply per host, so that rotating the token does not reset them. Each process counts separately (ADR 8).
 */
export function createAgentLimits({ perMinute, elapsedMs, retryAfterMsMax }: AgentLimitOptions): AgentLimits {
  if (perMinute === 0) {
    const admit: AgentLimit = () => null;
    const charge = () => undefined;
    return {
      calls: admit,
      snapshots: admit,
      rotations: admit,
      facts: () => true,
      chargeHistory: charge,
      chargeSnapshot: charge,
    };
  }
  const burst = Math.min(perMinute, Math.max(BURST_MIN, Math.ceil(perMinute * BURST_SHARE)));
  const calls = createTokenBuckets({ perMinute, burst });
  const snapshots = createTokenBuckets({ perMinute, burst: Math.max(perMinute, SNAPSHOT_BURST_MIN) });
  const costBurst = Math.max(perMinute / 2, COST_BURST_MIN);
  const costs = createTokenBuckets({ perMinute, burst: costBurst, debtMax: perMinute });
  const texts = createTokenBuckets({ perMinute, burst: Math.max(perMinute, TEXT_BURST_MIN), debtMax: perMinute });
  const history = createTokenBuckets({ perMinute, burst: Math.max(perMinute, HISTORY_BURST_MIN), debtMax: perMinute });
  const rotations = createTokenBuckets(ROTATION_LIMIT);
  const facts = createTokenBuckets(FACTS_LIMIT);
  const lastSeenUpdates = createTokenBuckets({ perMinute: 60_000 / LAST_SEEN_INTERVAL_MS, burst: 1 });
  const policy = `"agent";q=${perMinute};w=60`;

  function setRateLimitHeaders(res: Response, { isAllowed, remaining, retryAfterMs, fullInMs }: TakeResult): void {
    res.setHeader('RateLimit-Policy', policy);
    res.setHeader('RateLimit', `"agent";r=${remaining};t=${Math.ceil((isAllowed ? fullInMs : retryAfterMs) / 1000)}`);
  }

  return {
    calls(hostId, res) {
      const result = calls.take(hostId, elapsedMs());
      setRateLimitHeaders(res, result);
      if (result.isAllowed) return null;
      return new RateLimitedError(`This host's limit is ${perMinute} requests per minute.`, result.retryAfterMs);
    },
    snapshots(hostId, res) {
      const nowMs = elapsedMs();
      const count = snapshots.take(hostId, nowMs);
      const owedMs = Math.max(...[costs, texts, history].map((buckets) => buckets.waitMs(hostId, nowMs)));
      const result: TakeResult =
        owedMs > 0 ? { ...count, isAllowed: false, remaining: 0, retryAfterMs: owedMs } : count;
      setRateLimitHeaders(res, result);
      if (result.isAllowed) return null;
      const updatesLastSeen = lastSeenUpdates.take(hostId, nowMs).isAllowed;
      return new SnapshotDelayedError(Math.min(result.retryAfterMs, retryAfterMsMax), updatesLastSeen);
    },
    rotations(hostId) {
      const { isAllowed, retryAfterMs } = rotations.take(hostId, elapsedMs());
      return isAllowed ? null : new RateLimitedError('This host rotates its token too often.', retryAfterMs);
    },
    facts(hostId) {
      const nowMs = elapsedMs();
      return history.waitMs(hostId, nowMs) === 0 && facts.take(hostId, nowMs).isAllowed;
    },
    chargeHistory(hostId, historyBytes) {
      if (historyBytes > 0) history.charge(hostId, historyBytes / HISTORY_BYTES_PER_COST_UNIT, elapsedMs());
    },
    chargeSnapshot(hostId, { bodyBytes, rowsWritten, textBytes, historyBytes }) {
      const nowMs = elapsedMs();
      costs.charge(hostId, bodyBytes / BODY_BYTES_PER_COST_UNIT + rowsWritten / ROWS_PER_COST_UNIT, nowMs);
      if (textBytes > 0) texts.charge(hostId, textBytes / TEXT_BYTES_PER_COST_UNIT, nowMs);
      if (historyBytes > 0) history.charge(hostId, historyBytes / HISTORY_BYTES_PER_COST_UNIT, nowMs);
    },
  };
}
