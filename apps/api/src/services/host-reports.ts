import type { Database } from '@muster/db';
import { reportHosts, type HostReport, type HostReportOutcome } from '../sql/report-hosts.js';
import { createGroupCommit } from './group-commit.js';

/** Reports in one statement: enough for any number of connections, few enough to end soon. */
const GROUP_SIZE_MAX = 500;

export interface HostReports {
  /** Writes down that a host lives. Concurrent reports of different hosts share a statement and its commit. */
  report(report: HostReport): Promise<Exclude<HostReportOutcome, { kind: 'locked' }>>;
}

export function createHostReports(db: Database): HostReports {
  const reports = createGroupCommit<HostReport, HostReportOutcome>((entries) => reportHosts(db, entries), {
    keyOf: ({ hostId }) => hostId,
    sizeMax: GROUP_SIZE_MAX,
  });

  return {
    async report(report) {
      let outcome = await reports.add(report);
      // Its row is locked, by a sync of the same host as a rule. Alone it waits for that, and keeps no other host
      // waiting.
      if (outcome.kind === 'locked') outcome = (await reportHosts(db, [report]))[0]!;
      if (outcome.kind === 'locked') throw new Error('a single report waits for its row, and is never left out');
      return outcome;
    },
  };
}
