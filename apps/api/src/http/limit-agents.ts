import type { NextFunction, RequestHandler, Response } from 'express';
import { createTokenBuckets, type TokenTaken } from '../lib/token-bucket.js';
import { RateLimitedError, SnapshotDelayedError } from '../errors.js';
import { agentOf } from './auth.js';
import { createRefusalDelays } from './delay-refusals.js';

/** Of a minute's small calls, those that may come at once; where that is few, so many all the same. */
const BURST_SHARE = 1 / 10;
const BURST_MIN = 10;

/**
 * Snapshots that may come at once, and what they may cost at once beside their number. An agent that comes back after a
 * day sends up to 500 journal entries, of 2 MiB in all, one after the other, and then a whole snapshot: these cost less
 * than 300. So does one of 10 MiB that changes 5,000 containers.
 */
const SNAPSHOT_BURST_MIN = 600;
const COST_BURST_MIN = 300;

/** What a snapshot costs in addition to the 1 of every call. */
const BODY_BYTES_PER_COST = 64 * 1_024;
const ROWS_PER_COST = 50;

/**
 * What a snapshot makes others wait for, whatever it changes: its text after decompression, where it was read, and the
 * history that it wrote. 10 MiB of text that change nothing are 50 KiB of body, and a tenth to a fifth of a second of
 * this process. The bursts are sixteen of the largest snapshots, and 32 MiB of history: a host of 5,000 containers that
 * all change writes 1 to 2 MiB.
 */
const TEXT_BYTES_PER_TOKEN = 256 * 1_024;
const TEXT_BURST_MIN = 640;
const HISTORY_BYTES_PER_TOKEN = 16 * 1_024;
const HISTORY_BURST_MIN = 2_048;

/** Rotations of one host: an agent rotates once a month, and each leaves a row for 30 days. */
const ROTATIONS = { perMinute: 2, burst: 20 };

/** Milliseconds between two snapshots of one host that were delayed and count as a sign of its life. */
const SIGN_INTERVAL_MS = 5_000;

export interface AgentLimits {
  /** Stands before small calls. @throws RateLimitedError beyond their number, before the body is read. */
  calls: RequestHandler;
  /** Stands before snapshots. @throws SnapshotDelayedError while the host owes for earlier ones, before the body is read. */
  snapshots: RequestHandler;
  /** Stands before rotations, behind `calls`. @throws RateLimitedError beyond their number. */
  rotations: RequestHandler;
  /** Charges what a snapshot cost. */
  chargeSnapshot(hostId: string, cost: SnapshotCost): void;
}

export interface SnapshotCost {
  /** Before decompression. */
  bodyBytes: number;
  /** Rows of containers. */
  rowsWritten: number;
  /** Text that was read, after decompression. */
  textBytes: number;
  /** Of the events that were written. */
  historyBytes: number;
}

export interface AgentLimitOptions {
  /** What each host's calls may cost in a minute, where a small call costs 1; 0: any amount. */
  perMinute: number;
  /** Milliseconds of a clock that is never set. */
  elapsedMs: () => number;
  /** The longest that an agent is told to wait: one that waits altogether must not look dead. */
  retryAfterMsMax: number;
}

/**
 * Limits each host's agent, and tells it how much is left (draft-ietf-httpapi-ratelimit-headers-11). Small calls are
 * counted alone, snapshots by their number and by what they cost, so that a host whose snapshots are delayed still says that it lives. It counts by host, not by token, so
 * that rotating buys nothing, and in this process alone: ADR 8 says why.
 */
export function createAgentLimits({ perMinute, elapsedMs, retryAfterMsMax }: AgentLimitOptions): AgentLimits {
  if (perMinute === 0) {
    const pass: RequestHandler = (_req, _res, next) => next();
    return { calls: pass, snapshots: pass, rotations: pass, chargeSnapshot: () => undefined };
  }
  const burst = Math.min(perMinute, Math.max(BURST_MIN, Math.ceil(perMinute * BURST_SHARE)));
  const calls = createTokenBuckets({ perMinute, burst });
  const snapshots = createTokenBuckets({ perMinute, burst: Math.max(perMinute, SNAPSHOT_BURST_MIN) });
  const costBurst = Math.max(perMinute / 2, COST_BURST_MIN);
  const costs = createTokenBuckets({ perMinute, burst: costBurst, debtMax: perMinute });
  const texts = createTokenBuckets({ perMinute, burst: Math.max(perMinute, TEXT_BURST_MIN), debtMax: perMinute });
  const history = createTokenBuckets({ perMinute, burst: Math.max(perMinute, HISTORY_BURST_MIN), debtMax: perMinute });
  const rotations = createTokenBuckets(ROTATIONS);
  const signs = createTokenBuckets({ perMinute: 60_000 / SIGN_INTERVAL_MS, burst: 1 });
  const delayRefusal = createRefusalDelays(elapsedMs);
  const policy = `"agent";q=${perMinute};w=60`;

  function describe(res: Response, { allowed, remaining, retryAfterMs, fullInMs }: TokenTaken): void {
    res.setHeader('RateLimit-Policy', policy);
    res.setHeader('RateLimit', `"agent";r=${remaining};t=${Math.ceil((allowed ? fullInMs : retryAfterMs) / 1000)}`);
  }

  function refuse(hostId: string, res: Response, next: NextFunction, error: RateLimitedError): void {
    const delay = delayRefusal(hostId, res);
    if (delay === null) throw error;
    void delay.then(() => next(error));
  }

  return {
    calls(_req, res, next) {
      const { hostId } = agentOf(res);
      const nowMs = elapsedMs();
      const taken = calls.take(hostId, nowMs);
      describe(res, taken);
      if (!taken.allowed) {
        const error = new RateLimitedError(`This host may make ${perMinute} requests a minute.`, taken.retryAfterMs);
        refuse(hostId, res, next, error);
        return;
      }
      next();
    },
    snapshots(_req, res, next) {
      const { hostId } = agentOf(res);
      const nowMs = elapsedMs();
      const counted = snapshots.take(hostId, nowMs);
      const owedMs = Math.max(...[costs, texts, history].map((buckets) => buckets.waitMs(hostId, nowMs)));
      const taken = owedMs > 0 ? { ...counted, allowed: false, remaining: 0, retryAfterMs: owedMs } : counted;
      describe(res, taken);
      if (!taken.allowed) {
        const isSign = signs.take(hostId, nowMs).allowed;
        refuse(hostId, res, next, new SnapshotDelayedError(Math.min(taken.retryAfterMs, retryAfterMsMax), isSign));
        return;
      }
      next();
    },
    rotations(_req, res, next) {
      const { hostId } = agentOf(res);
      const { allowed, retryAfterMs } = rotations.take(hostId, elapsedMs());
      if (allowed) next();
      else refuse(hostId, res, next, new RateLimitedError('This host rotates its token too often.', retryAfterMs));
    },
    chargeSnapshot(hostId, { bodyBytes, rowsWritten, textBytes, historyBytes }) {
      const nowMs = elapsedMs();
      costs.charge(hostId, bodyBytes / BODY_BYTES_PER_COST + rowsWritten / ROWS_PER_COST, nowMs);
      if (textBytes > 0) texts.charge(hostId, textBytes / TEXT_BYTES_PER_TOKEN, nowMs);
      if (historyBytes > 0) history.charge(hostId, historyBytes / HISTORY_BYTES_PER_TOKEN, nowMs);
    },
  };
}
