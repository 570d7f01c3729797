import type { Database, Statement } from '@muster/db';
import type { SnapshotOrder } from './order.js';
import {
  formatAssignments,
  problemAssignments,
  NOT_DELETED,
  isSuperseded,
  orderCondition,
  suspectedCloneAssignments,
  orderAssignments,
} from './host-order.sql.js';

/**
 * `onlyIfKnown` is true for a problem that must not begin with this heartbeat, but continues if the previous heartbeat
 * reported it.
 */
export interface Hysteresis {
  onlyIfKnown?: true;
}

/** The problems that a heartbeat reports. */
export interface HeartbeatProblems {
  /** The message of `engine_unreachable`, which makes a host `engine_down`. */
  engineError: string | null;
  problems: readonly ({ code: string; message: string; since: string } & Hysteresis)[];
  /** True if the host's containers may differ from the stored ones. The heartbeat then confirms nothing. */
  isNotCurrent: boolean;
}

/** The properties of a machine that its agent reports. A property that is not reported is null. */
export interface HeartbeatFacts {
  engineName: string | null;
  engineVersion: string | null;
  engineApiVersion: string | null;
  os: string | null;
  agentVersion: string | null;
  /** Seconds by which the machine's clock is ahead of the API's clock; negative if it is behind. */
  clockSkewSeconds: number | null;
}

/**
 * A report from a host: a heartbeat, or a complete snapshot that may equal the stored rows. The database compares the
 * report's digest with the stored digest.
 */
export type HostReport = {
  hostId: string;
  receivedAt: Date;
  /** The heartbeat interval that the response requests. */
  heartbeatSeconds: number;
} & (
  | { kind: 'snapshot'; digest: string; order: SnapshotOrder | null; observedAt: Date }
  | {
      kind: 'heartbeat';
      digest: string | null;
      stream: string | null;
      problems: HeartbeatProblems;
      facts: HeartbeatFacts;
    }
);

/**
 * The result of a recorded report. `digestMatches` is true if the report's digest equals the stored digest of the host.
 */
export interface HostReportResult {
  digestMatches: boolean;
  revision: number;
  digest: string | null;
  containerCount: number;
}

/**
 * The columns of a report and their SQL types. Each column is one parameter of the statement. For several reports, the
 * parameter is an array.
 */
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

const NO_FACTS: HeartbeatFacts = {
  engineName: null,
  engineVersion: null,
  engineApiVersion: null,
  os: null,
  agentVersion: null,
  clockSkewSeconds: null,
};

const commonColumns = ({ hostId, digest, receivedAt, heartbeatSeconds }: HostReport) => ({
  hostId,
  digest,
  receivedAt,
  heartbeatSeconds,
});

const toColumns = (report: HostReport): ReportColumns =>
  report.kind === 'snapshot'
    ? {
        ...commonColumns(report),
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
        ...commonColumns(report),
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
/** The position of a report among the reports of its host: the columns that `orderCondition` compares. */
const ENTRY_ORDER = {
  stream: entry('stream'),
  sequence: entry('sequence'),
  observedAt: entry('observedAt'),
  receivedAt: entry('receivedAt'),
};

/**
 * Returns assignments that change their columns only if the report is a snapshot. A heartbeat changes only the columns
 * in `forHeartbeat`.
 */
const onlyForSnapshot = (
  columns: Record<string, string>,
  forHeartbeat: Record<string, string>,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [
      column,
      `CASE WHEN ${entry('isSnapshot')} THEN ${value} ELSE ${forHeartbeat[column] ?? `hosts."${column}"`} END`,
    ]),
  );

/**
 * The value of `streamHeardAt` after a heartbeat. A heartbeat does not change the order, but shows that its stream is
 * alive.
 */
const STREAM_SEEN_AT = `CASE WHEN hosts.stream = ${ENTRY_ORDER.stream} THEN ${ENTRY_ORDER.receivedAt} ELSE hosts."streamHeardAt" END`;

/**
 * Returns an expression that ignores reports of a superseded stream, because the replaced agent may run on another
 * machine.
 */
const unlessSuperseded = (column: string, value: string) =>
  `CASE WHEN COALESCE(${isSuperseded(ENTRY_ORDER.stream)}, FALSE) THEN hosts."${column}" ELSE ${value} END`;

const fact = (column: keyof HeartbeatFacts) =>
  unlessSuperseded(column, `COALESCE(${entry(column)}, hosts."${column}")`);

/**
 * The problems of a heartbeat. The `since` of a problem is the time of the heartbeat that first reported it. Most
 * heartbeats report no problems, so this case is checked first.
 */
const AGENT_PROBLEMS = unlessSuperseded(
  'agentProblems',
  `CASE WHEN ${entry('problems')} = '[]' THEN '[]'::jsonb ELSE (
        SELECT COALESCE(jsonb_agg((problem - 'onlyIfKnown') || COALESCE(
          (SELECT jsonb_build_object('since', known -> 'since')
            FROM jsonb_array_elements(hosts."agentProblems") AS known
            WHERE known ->> 'code' = problem ->> 'code' LIMIT 1),
          '{}')), '[]')
        FROM jsonb_array_elements(${entry('problems')}::jsonb) AS problem
        WHERE NOT problem ? 'onlyIfKnown'
          OR hosts."agentProblems" @> jsonb_build_array(jsonb_build_object('code', problem -> 'code'))
      ) END`,
);

const ASSIGNMENTS = formatAssignments({
  lastSeenAt: ENTRY_ORDER.receivedAt,
  heartbeatSeconds: entry('heartbeatSeconds'),
  confirmedAt: `CASE
      WHEN hosts.digest = ${entry('digest')} AND NOT ${entry('isNotCurrent')} AND (${entry('isSnapshot')}
        OR (hosts."snapshotRefusedAt" IS NULL AND COALESCE(hosts.stream = ${ENTRY_ORDER.stream}, ${ENTRY_ORDER.stream} IS NULL)))
      THEN ${ENTRY_ORDER.receivedAt} ELSE hosts."confirmedAt"
    END`,
  engineError: unlessSuperseded('engineError', entry('engineError')),
  engineName: fact('engineName'),
  engineVersion: fact('engineVersion'),
  engineApiVersion: fact('engineApiVersion'),
  os: fact('os'),
  agentVersion: fact('agentVersion'),
  clockSkewSeconds: fact('clockSkewSeconds'),
  ...suspectedCloneAssignments(ENTRY_ORDER),
  ...onlyForSnapshot(
    { ...orderAssignments(ENTRY_ORDER), ...problemAssignments('TRUE') },
    { streamHeardAt: STREAM_SEEN_AT, agentProblems: AGENT_PROBLEMS },
  ),
});

const TYPED_COLUMNS = Object.entries(COLUMNS);
const SEVERAL_ENTRIES = `SELECT * FROM unnest(${TYPED_COLUMNS.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})
        AS entry (${TYPED_COLUMNS.map(([column]) => `"${column}"`).join(', ')})`;
/** Selects a single report without arrays. Creating and joining arrays would be a quarter of the statement's cost. */
const ONE_ENTRY = `SELECT ${TYPED_COLUMNS.map(([column, type], index) => `$${index + 1}::${type} AS "${column}"`).join(', ')}`;

/**
 * Builds a statement that records reports of different hosts with one heap-only (HOT) update of each host's row. The
 * statement locks the rows in order and skips rows that another transaction has locked, so it cannot deadlock. The
 * statement also never waits for a slow sync of one host, because such a wait would delay the reports of all other
 * hosts.
 */
function reportStatement({ name, several }: { name: string; several: boolean }): Statement {
  const whereClause = several ? 'WHERE id = ANY ($1::uuid[]) ORDER BY id' : 'WHERE id = $1::uuid';
  return {
    name,
    isSmall: true,
    text: `
    WITH entry AS (
      ${several ? SEVERAL_ENTRIES : ONE_ENTRY}
    ), locked AS (
      SELECT id FROM hosts ${whereClause} FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hosts SET
      ${ASSIGNMENTS}
    FROM entry JOIN locked ON locked.id = entry."hostId"
    WHERE hosts.id = entry."hostId" AND ${NOT_DELETED}
      AND (NOT ${entry('isSnapshot')} OR (hosts.digest = ${entry('digest')} AND ${orderCondition(ENTRY_ORDER)}))
    RETURNING hosts.id::text AS "hostId", COALESCE(hosts.digest = ${entry('digest')}, FALSE) AS "digestMatches",
      hosts.revision, hosts.digest, hosts."containerCount"`,
  };
}

const REPORT_ONE = reportStatement({ name: 'report_host', several: false });
const REPORT_SEVERAL = reportStatement({ name: 'report_hosts', several: true });

/**
 * Records reports, at most one per host, and returns their results in order. A result is null if nothing was written.
 * The reason is one of these: the host is gone, another transaction has locked its row, the snapshot does not equal the
 * stored rows, or a newer snapshot was applied.
 */
export async function reportHosts(db: Database, reports: readonly HostReport[]): Promise<(HostReportResult | null)[]> {
  const columns = reports.map(toColumns);
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  const [singleReport, ...others] = columns;
  const rows = await db.query<HostReportResult & { hostId: string }>(
    ...(singleReport !== undefined && others.length === 0
      ? ([REPORT_ONE, names.map((name) => singleReport[name])] as const)
      : ([REPORT_SEVERAL, names.map((name) => columns.map((row) => row[name]))] as const)),
  );
  const byHost = new Map(rows.map(({ hostId, ...reported }) => [hostId, reported]));
  return reports.map(({ hostId }) => byHost.get(hostId) ?? null);
}
