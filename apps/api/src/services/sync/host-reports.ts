import type { Database } from '@muster/db';
import { findHostLock } from './find-host-lock.sql.js';
import { reportHosts, type HostReport, type HostReportResult } from './report-hosts.sql.js';
import { createBatcher } from '../../lib/batcher.js';

/**
 * Maximum number of reports in one statement. A statement with this many reports still finishes quickly. Further
 * reports wait for the next statement.
 */
const BATCH_SIZE_MAX = 500;

/**
 * If a host's row is locked, the API retries the write of a heartbeat for this many milliseconds before it responds.
 */
const RETRY_MS_MAX = 1_000;

/**
 * Milliseconds before the first retry of a heartbeat whose host's row is locked. The backoff doubles with each retry,
 * up to `BACKOFF_MS_MAX`.
 */
const BACKOFF_MS_MIN = 10;
const BACKOFF_MS_MAX = 100;

/**
 * If a heartbeat could not be written before the response, its write is retried in the background for this many
 * milliseconds.
 */
const BACKGROUND_MS_MAX = 60_000;

/** Milliseconds between two background retries. */
const BACKGROUND_PAUSE_MS = 500;

export interface HostReports {
  /**
   * Records that a host is alive. Concurrent reports of different hosts share a statement and its commit. Resolves with
   * null for a heartbeat whose host is gone. Also resolves with null for a snapshot that may differ from the host's
   * rows; the caller must then sync it. Resolves with `later` for a heartbeat if another transaction has locked the
   * host's row for a second. Such a heartbeat is written in the background once the row is free, unless a later
   * heartbeat of the host replaces it or a minute has passed.
   */
  report(report: HostReport): Promise<HostReportResult | 'later' | null>;
}

/**
 * Creates the recorder of reports. The recorder never occupies a connection while it waits for a host's row, because a
 * single host with long writes could otherwise occupy all connections.
 */
export function createHostReports(db: Database): HostReports {
  const reports = createBatcher<HostReport, HostReportResult | null>((entries) => reportHosts(db, entries), {
    keyOf: ({ hostId }) => hostId,
    sizeMax: BATCH_SIZE_MAX,
  });
  const pendingReports = new Map<string, HostReport>();

  async function retryFor(ms: number, backoffMs: (attempt: number) => number, report: HostReport) {
    const until = performance.now() + ms;
    for (let attempt = 0; performance.now() < until; attempt++) {
      await pause(backoffMs(attempt));
      const reported = await reports.add(report);
      if (reported !== null) return reported;
      if ((await findHostLock(db, report.hostId)) === 'gone') return null;
    }
    return 'later';
  }

  async function writeInBackground(report: HostReport): Promise<void> {
    const { hostId } = report;
    const isAlreadyWriting = pendingReports.has(hostId);
    pendingReports.set(hostId, report);
    if (isAlreadyWriting) return;
    try {
      const until = performance.now() + BACKGROUND_MS_MAX;
      for (
        let next = pendingReports.get(hostId);
        next !== undefined && performance.now() < until;
        next = pendingReports.get(hostId)
      ) {
        if ((await retryFor(BACKGROUND_PAUSE_MS, () => BACKGROUND_PAUSE_MS, next)) !== 'later') return;
      }
    } catch {
      // Nothing is lost, because the agent's next heartbeat contains the same data.
    } finally {
      pendingReports.delete(hostId);
    }
  }

  return {
    async report(report) {
      const reported = await reports.add(report);
      if (reported !== null || report.kind === 'snapshot') {
        pendingReports.delete(report.hostId);
        return reported;
      }
      if ((await findHostLock(db, report.hostId)) === 'gone') return null;
      const retried = await retryFor(RETRY_MS_MAX, backoffMs, report);
      if (retried === 'later') void writeInBackground(report);
      return retried;
    },
  };
}

const backoffMs = (attempt: number) => Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempt);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());
