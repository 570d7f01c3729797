import type { Database } from '@muster/db';
import { reportHosts, type HostReport, type HostReported } from '../sql/report-hosts.js';
import { createGroupCommit } from './group-commit.js';

/** Reports in one statement: enough for any number of connections, few enough to end soon. */
const GROUP_SIZE_MAX = 500;

export interface HostReports {
  /**
   * Writes down that a host lives. Concurrent reports of different hosts share a statement and its commit. Null: a
   * heartbeat's host is gone; a snapshot is not known to be what the host's rows equal, and is to be synced.
   */
  report(report: HostReport): Promise<HostReported | null>;
}

export function createHostReports(db: Database): HostReports {
  const reports = createGroupCommit<HostReport, HostReported | null>((entries) => reportHosts(db, entries), {
    keyOf: ({ hostId }) => hostId,
    sizeMax: GROUP_SIZE_MAX,
  });

  return {
    async report(report) {
      const reported = await reports.add(report);
      // A sync waits for a locked row by itself. A heartbeat is repeated alone, where it waits and keeps nobody else
      // waiting; what comes of that then is the truth.
      if (reported !== null || report.kind === 'snapshot') return reported;
      return (await reportHosts(db, [report]))[0] ?? null;
    },
  };
}
