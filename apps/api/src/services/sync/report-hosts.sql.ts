import type { Database, Statement } from '@muster/db';
import type { SnapshotOrder } from './order.js';
import { assignments, endProblems, IS_THERE, isSuperseded, orderTest, suspectClone, takeOrder } from './host-order.sql.js';

/** What a heartbeat says of its host's problems. */
export interface HeartbeatProblems {
  /** The text of `engine_unreachable`, by which a host is `engine_down`. */
  engineError: string | null;
  problems: readonly { code: string; message: string; since: string }[];
  /** True if the host may run something else than Muster has: then its heartbeat confirms nothing. */
  isNotCurrent: boolean;
}

/** What an agent tells of its machine beside its containers; null: it did not say. */
export interface HostFacts {
  engineName: string | null;
  engineVersion: string | null;
  engineApiVersion: string | null;
  os: string | null;
  agentVersion: string | null;
  /** Of its clock against ours; positive: it is ahead. */
  clockSkewSeconds: number | null;
}

/** "I live": a heartbeat, or a complete snapshot that may be the one which the host's rows equal already. */
export type HostReport = {
  hostId: string;
  receivedAt: Date;
  /** What the answer asks the host for. */
  heartbeatSeconds: number;
} & (
  | { kind: 'snapshot'; digest: string; order: SnapshotOrder | null; observedAt: Date }
  | { kind: 'heartbeat'; digest: string | null; stream: string | null; problems: HeartbeatProblems; facts: HostFacts }
);

/** A report that was written down; `matched`: its digest is the host's. */
export interface HostReported {
  matched: boolean;
  revision: number;
  digest: string | null;
  containerCount: number;
}

/** The columns of a report as the statements have them, with their types: one parameter each, or an array of several. */
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
  ...{ hostId, digest, receivedAt, heartbeatSeconds },
});

const toColumns = (report: HostReport): ReportColumns =>
  report.kind === 'snapshot'
    ? {
        ...{ ...ofEveryReport(report), isSnapshot: true },
        ...{ stream: report.order?.stream ?? null, sequence: report.order?.sequence ?? null },
        ...{ observedAt: report.observedAt, engineError: null, problems: '[]', isNotCurrent: false, ...NO_FACTS },
      }
    : {
        ...{ ...ofEveryReport(report), isSnapshot: false },
        ...{ stream: report.stream, sequence: null, observedAt: null, engineError: report.problems.engineError },
        ...{ problems: JSON.stringify(report.problems.problems), isNotCurrent: report.problems.isNotCurrent },
        ...report.facts,
      };

const entry = (column: keyof typeof COLUMNS) => `entry."${column}"`;
const ORDER = {
  stream: entry('stream'),
  sequence: entry('sequence'),
  observedAt: entry('observedAt'),
  receivedAt: entry('receivedAt'),
};

/** The assignments of a snapshot. A heartbeat leaves these columns as they are, but for those that it has its own value of. */
const ofSnapshot = (columns: Record<string, string>, ofHeartbeat: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [
      column,
      `CASE WHEN ${entry('isSnapshot')} THEN ${value} ELSE ${ofHeartbeat[column] ?? `hosts."${column}"`} END`,
    ]),
  );

/** A heartbeat says nothing of the order, but that its stream lives. */
const STREAM_SEEN_AT = `CASE WHEN hosts.stream = ${ORDER.stream} THEN ${ORDER.receivedAt} ELSE hosts."streamHeardAt" END`;

/** What only an agent whose stream is not superseded may say: one that was replaced knows nothing of this machine. */
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

const SET = assignments({
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
  ...suspectClone(ORDER),
  ...ofSnapshot(
    { ...takeOrder(ORDER), ...endProblems('TRUE') },
    { streamHeardAt: STREAM_SEEN_AT, agentProblems: AGENT_PROBLEMS },
  ),
});

const TYPED = Object.entries(COLUMNS);
const SEVERAL_ENTRIES = `SELECT * FROM unnest(${TYPED.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})
        AS entry (${TYPED.map(([column]) => `"${column}"`).join(', ')})`;
/** Without arrays, whose making and joining is a quarter of what a lone report costs. */
const ONE_ENTRY = `SELECT ${TYPED.map(([column, type], index) => `$${index + 1}::${type} AS "${column}"`).join(', ')}`;

/**
 * Writes down reports of different hosts, by one update of each host's row that no index has to follow. It locks the rows
 * in one order and leaves out those that another transaction has locked, so that it never waits, neither for a slow sync
 * nor in a circle: all other hosts' reports would wait behind it.
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
    WHERE hosts.id = entry."hostId" AND ${IS_THERE}
      AND (NOT ${entry('isSnapshot')} OR (hosts.digest = ${entry('digest')} AND ${orderTest(ORDER)}))
    RETURNING hosts.id::text AS "hostId", COALESCE(hosts.digest = ${entry('digest')}, FALSE) AS matched,
      hosts.revision, hosts.digest, hosts."containerCount"`,
  };
}

const REPORT_ONE = reportStatement({ name: 'report_host', several: false });
const REPORT_SEVERAL = reportStatement({ name: 'report_hosts', several: true });

/**
 * Writes down reports, at most one of each host, and gives what came of each in their order; null: nothing was
 * written. That is so where the host is gone, where a snapshot is not the one that the host's rows equal or the order
 * does not allow it, and where another transaction holds the host's row.
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
