import type { Database, Statement } from '@muster/db';
import type { SnapshotOrder } from './order.js';
import {
  formatAssignments,
  problemAssignments,
  NOT_DELETED,
  isSuperseded,
  orderCondition,
  cloneAssignments,
  orderAssignments,
} from './host-order.sql.js';

/** The problems that a heartbeat reports. */
export interface HeartbeatProblems {
  /** The message of `engine_unreachable`, which makes a host `engine_down`. */
  engineError: string | null;
  problems: readonly { code: string; message: string; since: string }[];
  /** True if the host may run other containers than stored; then its heartbeat confirms nothing. */
  isNotCurrent: boolean;
}

/** What an agent reports about its machine; null: not reported. */
export interface HostFacts {
  engineName: string | null;
  engineVersion: string | null;
  engineApiVersion: string | null;
  os: string | null;
  agentVersion: string | null;
  /** Clock of the machine minus ours, in seconds; positive: it is ahead. */
  clockSkewSeconds: number | null;
}

/** A sign of life: a heartbeat, or a complete snapshot that may equal the host's stored rows. */
export type HostReport = {
  hostId: string;
  receivedAt: Date;
  /** The heartbeat interval that the answer asks for. */
  heartbeatSeconds: number;
} & (
  | { kind: 'snapshot'; digest: string; order: SnapshotOrder | null; observedAt: Date }
  | { kind: 'heartbeat'; digest: string | null; stream: string | null; problems: HeartbeatProblems; facts: HostFacts }
);

/** A recorded report; `matched`: its digest equals the host's. */
export interface HostReported {
  matched: boolean;
  revision: number;
  digest: string | null;
  containerCount: number;
}

/** The columns of a report and their SQL types. Each is one parameter: a value, or an array for several reports. */
const COLUMNS = {
  hostId: 'uuid',
  isSnapshot: 'boolean',
  digest: 'text',
  stream: 'uuid',
  sequence: 'bigint',
  observedAt: 'timestamptz',
  receivedAt: 'timestamptz',
  heartbeatSeconds: 'int',
  engineError: 'text',
  problems: 'text',
  isNotCurrent: 'boolean',
  engineName: 'text',
  engineVersion: 'text',
  engineApiVersion: 'text',
  os: 'text',
  agentVersion: 'text',
  clockSkewSeconds: 'int',
} as const;

type ReportColumns = Record<keyof typeof COLUMNS, unknown>;

const NO_FACTS: HostFacts = {
  engineName: null,
  engineVersion: null,
  engineApiVersion: null,
  os: null,
  agentVersion: null,
  clockSkewSeconds: null,
};

const ofEveryReport = ({ hostId, digest, receivedAt, heartbeatSeconds }: HostReport) => ({
  hostId,
  digest,
  receivedAt,
  heartbeatSeconds,
});

const toColumns = (report: HostReport): ReportColumns =>
  report.kind === 'snapshot'
    ? {
        ...ofEveryReport(report),
        isSnapshot: true,
        stream: report.order?.stream ?? null,
        sequence: report.order?.sequence ?? null,
        observedAt: report.observedAt,
        engineError: null,
        problems: '[]',
        isNotCurrent: false,
        ...NO_FACTS,
      }
    : {
        ...ofEveryReport(report),
        isSnapshot: false,
        stream: report.stream,
        sequence: null,
        observedAt: null,
        engineError: report.problems.engineError,
        problems: JSON.stringify(report.problems.problems),
        isNotCurrent: report.problems.isNotCurrent,
        ...report.facts,
      };

const entry = (column: keyof typeof COLUMNS) => `entry."${column}"`;
const ORDER = {
  stream: entry('stream'),
  sequence: entry('sequence'),
  observedAt: entry('observedAt'),
  receivedAt: entry('receivedAt'),
};

/** Returns the assignments of a snapshot. A heartbeat keeps these columns, except those in `ofHeartbeat`. */
const ofSnapshot = (columns: Record<string, string>, ofHeartbeat: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [
      column,
      `CASE WHEN ${entry('isSnapshot')} THEN ${value} ELSE ${ofHeartbeat[column] ?? `hosts."${column}"`} END`,
    ]),
  );

/** A heartbeat does not change the order, but shows that its stream is alive. */
const STREAM_SEEN_AT = `CASE WHEN hosts.stream = ${ORDER.stream} THEN ${ORDER.receivedAt} ELSE hosts."streamHeardAt" END`;

/** Ignores reports of a superseded stream: a replaced agent knows nothing of this machine. */
const ofLiveStream = (column: string, value: string) =>
  `CASE WHEN COALESCE(${isSuperseded(ORDER.stream)}, FALSE) THEN hosts."${column}" ELSE ${value} END`;

const fact = (column: keyof HostFacts) => ofLiveStream(column, `COALESCE(${entry(column)}, hosts."${column}")`);

/** The problems of a heartbeat, each since the heartbeat that first reported it. Almost always there are none. */
const AGENT_PROBLEMS = ofLiveStream(
  'agentProblems',
  `CASE WHEN ${entry('problems')} = '[]' THEN '[]'::jsonb ELSE (
        SELECT jsonb_agg(problem || COALESCE(
          (SELECT jsonb_build_object('since', known -> 'since')
            FROM jsonb_array_elements(hosts."agentProblems") AS known
            WHERE known ->> 'code' = problem ->> 'code' LIMIT 1),
          '{}'))
        FROM jsonb_array_elements(${entry('problems')}::jsonb) AS problem
      ) END`,
);

const SET = formatAssignments({
  lastSeenAt: ORDER.receivedAt,
  heartbeatSeconds: entry('heartbeatSeconds'),
  confirmedAt: `CASE
      WHEN hosts.digest = ${entry('digest')} AND NOT ${entry('isNotCurrent')} AND (${entry('isSnapshot')}
        OR (hosts."snapshotRefusedAt" IS NULL AND COALESCE(hosts.stream = ${ORDER.stream}, ${ORDER.stream} IS NULL)))
      THEN ${ORDER.receivedAt} ELSE hosts."confirmedAt"
    END`,
  engineError: ofLiveStream('engineError', entry('engineError')),
  engineName: fact('engineName'),
  engineVersion: fact('engineVersion'),
  engineApiVersion: fact('engineApiVersion'),
  os: fact('os'),
  agentVersion: fact('agentVersion'),
  clockSkewSeconds: fact('clockSkewSeconds'),
  ...cloneAssignments(ORDER),
  ...ofSnapshot(
    { ...orderAssignments(ORDER), ...problemAssignments('TRUE') },
    { streamHeardAt: STREAM_SEEN_AT, agentProblems: AGENT_PROBLEMS },
  ),
});

const TYPED = Object.entries(COLUMNS);
const SEVERAL_ENTRIES = `SELECT * FROM unnest(${TYPED.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})
        AS entry (${TYPED.map(([column]) => `"${column}"`).join(', ')})`;
/** Without arrays, whose creation and join is a quarter of the cost of a single report. */
const ONE_ENTRY = `SELECT ${TYPED.map(([column, type], index) => `$${index + 1}::${type} AS "${column}"`).join(', ')}`;

/**
 * Records reports of different hosts with one HOT update of each host's row. It locks the rows in order and skips those
 * locked by another transaction. It therefore never waits for a slow sync and cannot deadlock; otherwise the reports of
 * all other hosts would wait as well.
 */
function reportStatement({ name, several }: { name: string; several: boolean }): Statement {
  const rows = several ? 'id = ANY ($1::uuid[]) ORDER BY id' : 'id = $1::uuid';
  return {
    name,
    isSmall: true,
    text: `
    WITH entry AS (
      ${several ? SEVERAL_ENTRIES : ONE_ENTRY}
    ), locked AS (
      SELECT id FROM hosts WHERE ${rows} FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET
      ${SET}
    FROM entry JOIN locked ON locked.id = entry."hostId"
    WHERE hosts.id = entry."hostId" AND ${NOT_DELETED}
      AND (NOT ${entry('isSnapshot')} OR (hosts.digest = ${entry('digest')} AND ${orderCondition(ORDER)}))
    RETURNING hosts.id::text AS "hostId", COALESCE(hosts.digest = ${entry('digest')}, FALSE) AS matched,
      hosts.revision, hosts.digest, hosts."containerCount"`,
  };
}

const REPORT_ONE = reportStatement({ name: 'report_host', several: false });
const REPORT_SEVERAL = reportStatement({ name: 'report_hosts', several: true });

/**
 * Records reports, at most one per host, and returns their results in order; null: nothing was written. That is the
 * case if the host is gone, if another transaction has locked its row, or if a snapshot does not equal the stored rows
 * or its order does not permit it.
 */
export async function reportHosts(db: Database, reports: readonly HostReport[]): Promise<(HostReported | null)[]> {
  const columns = reports.map(toColumns);
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  const [only, ...others] = columns;
  const rows = await db.query<HostReported & { hostId: string }>(
    ...(only !== undefined && others.length === 0
      ? ([REPORT_ONE, names.map((name) => only[name])] as const)
      : ([REPORT_SEVERAL, names.map((name) => columns.map((row) => row[name]))] as const)),
  );
  const byHost = new Map(rows.map(({ hostId, ...reported }) => [hostId, reported]));
  return reports.map(({ hostId }) => byHost.get(hostId) ?? null);
}
