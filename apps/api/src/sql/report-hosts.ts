import type { Database, Statement } from '@muster/db';
import type { SnapshotOrder } from '../domain/order.js';
import { assignments, isSuperseded, orderTest, suspectClone, takeOrder } from './host-order.js';

/** What an agent tells of its machine beside its containers; null: it did not say. */
export interface HostFacts {
  engineName: string | null;
  engineVersion: string | null;
  engineApiVersion: string | null;
  os: string | null;
  agentVersion: string | null;
}

/** "I live": a heartbeat, or a complete snapshot that may be the one which the host's rows equal already. */
export type HostReport = { hostId: string; receivedAt: Date } & (
  | { kind: 'snapshot'; digest: string; order: SnapshotOrder | null; observedAt: Date }
  | { kind: 'heartbeat'; digest: string | null; stream: string | null; engineError: string | null; facts: HostFacts }
);

/**
 * What became of a report. `taken`: it was written down, and `matched` tells whether its digest is the host's.
 * `mismatched`: a snapshot that is not the one which the rows equal, or that the order does not allow: nothing was
 * written, and a full sync finds out which. `gone`: the host was deleted. `locked`: another transaction holds the
 * host's row; nothing was written, and the report is to be made alone.
 */
export type HostReportOutcome =
  | { kind: 'taken'; matched: boolean; revision: number; digest: string | null; containerCount: number }
  | { kind: 'mismatched' | 'gone' | 'locked' };

interface OutcomeRow {
  hostId: string;
  kind: HostReportOutcome['kind'];
  matched: boolean;
  revision: number;
  digest: string | null;
  containerCount: number;
}

/** The columns of a report as the statement has them, with their types: one array parameter each. */
const COLUMNS = {
  hostId: 'uuid',
  isSnapshot: 'boolean',
  digest: 'text',
  stream: 'uuid',
  sequence: 'bigint',
  observedAt: 'timestamptz',
  receivedAt: 'timestamptz',
  engineError: 'text',
  engineName: 'text',
  engineVersion: 'text',
  engineApiVersion: 'text',
  os: 'text',
  agentVersion: 'text',
} as const;

type ReportColumns = Record<keyof typeof COLUMNS, unknown>;

const NO_FACTS: HostFacts = {
  engineName: null,
  engineVersion: null,
  engineApiVersion: null,
  os: null,
  agentVersion: null,
};

const toColumns = (report: HostReport): ReportColumns =>
  report.kind === 'snapshot'
    ? {
        ...{ hostId: report.hostId, isSnapshot: true, digest: report.digest, receivedAt: report.receivedAt },
        ...{ stream: report.order?.stream ?? null, sequence: report.order?.sequence ?? null },
        ...{ observedAt: report.observedAt, engineError: null, ...NO_FACTS },
      }
    : {
        ...{ hostId: report.hostId, isSnapshot: false, digest: report.digest, receivedAt: report.receivedAt },
        ...{ stream: report.stream, sequence: null, observedAt: null, engineError: report.engineError },
        ...report.facts,
      };

const entry = (column: keyof typeof COLUMNS) => `entry."${column}"`;
const ORDER = {
  stream: entry('stream'),
  sequence: entry('sequence'),
  observedAt: entry('observedAt'),
  receivedAt: entry('receivedAt'),
};

/** A heartbeat says nothing of the order, but that its stream lives. */
const ofSnapshotOnly = (columns: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(columns).map(([column, value]) => {
      const ofHeartbeat =
        column === 'streamHeardAt'
          ? `CASE WHEN hosts.stream = ${ORDER.stream} THEN ${ORDER.receivedAt} ELSE hosts."streamHeardAt" END`
          : `hosts."${column}"`;
      return [column, `CASE WHEN ${entry('isSnapshot')} THEN ${value} ELSE ${ofHeartbeat} END`];
    }),
  );

/** What only an agent whose stream is not superseded may say: one that was replaced knows nothing of this machine. */
const ofLiveStream = (column: string, value: string) =>
  `CASE WHEN COALESCE(${isSuperseded(ORDER.stream)}, FALSE) THEN hosts."${column}" ELSE ${value} END`;

const fact = (column: keyof HostFacts) => ofLiveStream(column, `COALESCE(${entry(column)}, hosts."${column}")`);

const SET = assignments({
  lastSeenAt: ORDER.receivedAt,
  confirmedAt: `CASE
      WHEN hosts.digest = ${entry('digest')} AND ${entry('engineError')} IS NULL
        AND (${entry('isSnapshot')} OR COALESCE(hosts.stream = ${ORDER.stream}, ${ORDER.stream} IS NULL))
      THEN ${ORDER.receivedAt} ELSE hosts."confirmedAt"
    END`,
  engineError: ofLiveStream('engineError', entry('engineError')),
  engineName: fact('engineName'),
  engineVersion: fact('engineVersion'),
  engineApiVersion: fact('engineApiVersion'),
  os: fact('os'),
  agentVersion: fact('agentVersion'),
  cloneSuspectedAt: suspectClone(ORDER),
  ...ofSnapshotOnly(takeOrder(ORDER)),
});

/**
 * Writes down reports of different hosts, by one update of each host's row that no index has to follow. `several`
 * locks the rows in one order and leaves out those that somebody else has locked, so that it never waits, neither
 * for a slow sync nor in a circle; for a single report the update's own wait for its row is the right one.
 */
function reportStatement({ name, several }: { name: string; several: boolean }): Statement {
  const locked = `, locked AS (
      SELECT id FROM hosts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )`;
  return {
    name,
    text: `
    WITH entry AS (
      SELECT * FROM unnest(${Object.values(COLUMNS)
        .map((type, index) => `$${index + 1}::${type}[]`)
        .join(', ')})
        AS entry (${Object.keys(COLUMNS)
          .map((column) => `"${column}"`)
          .join(', ')})
    )${several ? locked : ''}, touched AS (
      UPDATE hosts SET
      ${SET}
      FROM entry ${several ? 'JOIN locked ON locked.id = entry."hostId"' : ''}
      WHERE hosts.id = entry."hostId" AND hosts."deletedAt" IS NULL
        AND (NOT ${entry('isSnapshot')} OR (hosts.digest = ${entry('digest')} AND ${orderTest(ORDER)}))
      RETURNING hosts.id, COALESCE(hosts.digest = ${entry('digest')}, FALSE) AS matched, hosts.revision, hosts.digest,
        hosts."containerCount"
    )
    SELECT entry."hostId"::text AS "hostId", touched.matched, touched.revision, touched.digest, touched."containerCount",
      CASE
        WHEN touched.id IS NOT NULL THEN 'taken'
        WHEN hosts.id IS NULL OR hosts."deletedAt" IS NOT NULL THEN 'gone'
        ${several ? `WHEN locked.id IS NULL THEN 'locked'` : ''}
        WHEN ${entry('isSnapshot')} THEN 'mismatched'
        ELSE 'gone'
      END AS kind
    FROM entry
      LEFT JOIN touched ON touched.id = entry."hostId"
      ${several ? 'LEFT JOIN locked ON locked.id = entry."hostId"' : ''}
      LEFT JOIN hosts ON touched.id IS NULL AND hosts.id = entry."hostId"`,
  };
}

const REPORT_ONE = reportStatement({ name: 'report_host', several: false });
const REPORT_SEVERAL = reportStatement({ name: 'report_hosts', several: true });

/**
 * Writes down reports, at most one of each host, and gives their outcomes in the order of the reports. A single one
 * waits for its host's row; of several, those whose rows are locked come back as `locked`.
 */
export async function reportHosts(db: Database, reports: readonly HostReport[]): Promise<HostReportOutcome[]> {
  const columns = reports.map(toColumns);
  const values = (Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).map((name) => columns.map((row) => row[name]));
  const rows = await db.query<OutcomeRow>(reports.length === 1 ? REPORT_ONE : REPORT_SEVERAL, values);
  const byHost = new Map(rows.map((row) => [row.hostId, row]));
  return reports.map(({ hostId }) => toOutcome(byHost.get(hostId)));
}

function toOutcome(row: OutcomeRow | undefined): HostReportOutcome {
  // The statement answers each entry; one that it did not is of a host that is not there.
  if (row === undefined) return { kind: 'gone' };
  if (row.kind !== 'taken') return { kind: row.kind };
  const { kind, matched, revision, digest, containerCount } = row;
  return { kind, matched, revision, digest, containerCount };
}
