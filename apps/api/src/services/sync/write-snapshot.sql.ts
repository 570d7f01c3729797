import {
  CONTAINER_FIELD_NAMES,
  CONTAINER_FIELDS,
  fieldsWith,
  HOST_CONTAINERS_MAX,
  type ContainerFieldName,
} from '@muster/contracts';
import { LongText, type Database, type Prisma, type Statement } from '@muster/db';
import type { ContainerRow } from './container-row.js';
import type { ContainerPatch, SnapshotDiff } from './diff-snapshot.js';
import { isList } from './field-comparison.js';
import type { EventDraft } from './container-changes.js';
import { LOOP_MS, type LoopChange, type OpenLoop } from './container-loops.js';
import type { FoldedLoops } from './fold-loops.js';
import type { SnapshotOrder, SnapshotTimes } from './order.js';
import { COUNTED_KEYS, OTHER_STATE, type ContainerTotals } from './state-counts.js';
import { createYielder, encodeWithYields, stringifyWithYields, type Yielder } from '../../lib/yielder.js';
import {
  formatAssignments,
  problemAssignments,
  NOT_DELETED,
  orderCondition,
  orderAssignments,
} from './host-order.sql.js';

export interface SnapshotWrite {
  hostId: string;
  /**
   * The version of the host from which `diff` was computed: the host's revision and digest. If the digest is null,
   * `observedAt` is used instead. The revision alone is not enough: if the database loses a commit (failover, restore),
   * the same revision may occur again with other content.
   */
  base: HostVersion;
  diff: SnapshotDiff;
  /**
   * The counts of all the host's containers after the write. If it is null, the changes in `diff` are added to the
   * stored counts.
   */
  totals: ContainerTotals | null;
  complete: boolean;
  /** The digest of the body. If it is null, no digest is stored. */
  digest: string | null;
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** The heartbeat interval that the response requests. */
  heartbeatSeconds: number;
  /** When the containers were listed, according to the host's clock. This time is recorded with the events. */
  eventsObservedAt: Date;
  /** The events to record instead of those of `diff`, and the changes of exit counts. */
  loops: FoldedLoops;
  /**
   * The assumption about the host's last report on which `loops` is based (`ReportTimes.isContinuous`). The write fails
   * if the assumption is wrong and the result depends on it.
   */
  isContinuous: boolean;
}

export interface HostVersion {
  revision: number;
  digest: string | null;
  /** When the last applied snapshot was observed. Compared only if the digest is null. */
  observedAt: Date | null;
}

/** The result of a write. */
export interface SnapshotWriteResult {
  revision: number;
  digest: string | null;
  created: number;
  updated: number;
  removed: number;
  /** Bytes of the events as text. */
  historyBytes: number;
}

/** Indexed columns whose values may be long. */
const LONG_INDEXED_FIELDS: ReadonlySet<ContainerFieldName> = new Set(['command', 'labels']);

/**
 * Returns an expression that keeps the stored value if the new value is equal. PostgreSQL compares the bytes, and a
 * value that is stored compressed or out of line has other bytes than the same value as sent. Without this expression,
 * PostgreSQL would therefore rewrite the value in every index that contains the column.
 */
const keepEqual = (column: string) =>
  `CASE WHEN stored.${column} = excluded.${column} THEN stored.${column} ELSE excluded.${column} END`;

const quoted = (name: string): string => `"${name}"`;

/** Joins the results of `toSql` for all fields. A field without a column in the schema does not compile. */
const eachField = (
  fields: readonly (ContainerFieldName & Prisma.ContainerScalarFieldEnum)[],
  toSql: (column: string, name: ContainerFieldName) => string,
): string => fields.map((name) => toSql(quoted(name), name)).join(', ');

const typedColumns = (fields: readonly ContainerFieldName[]): string =>
  eachField(fields, (column, name) => `${column} ${CONTAINER_FIELDS[name].sqlType}`);

/** Returns the SQL expression for a field of an input row. The input omits empty arrays. */
const inputValue = (column: string, name: ContainerFieldName): string =>
  CONTAINER_FIELDS[name].sqlType === 'text[]' ? `COALESCE(r.${column}, '{}')` : `r.${column}`;

const WRITTEN_FIELDS = CONTAINER_FIELD_NAMES.filter((name) => CONTAINER_FIELDS[name].change !== 'identity');
const PATCHED_FIELDS = fieldsWith('change', 'life');

/** The columns whose values are derived from configuration fields. */
const DERIVED_COLUMNS = '"workloadKind", project, service, instance, "isInfra"';
const DERIVED_INPUT = DERIVED_COLUMNS.replaceAll(/(?:"\w+"|\w+)/g, 'r.$&');
const DERIVED_TYPES = '"workloadKind" text, project text, service text, instance text, "isInfra" boolean';

/** Returns the new value of a field of a row that is written completely. */
const writtenValue = (column: string, name: ContainerFieldName): string =>
  LONG_INDEXED_FIELDS.has(name) ? keepEqual(column) : `excluded.${column}`;

/** Returns the new value of a field of a patch, in which a null list means that the list is unchanged. */
const patchValue = (column: string, name: ContainerFieldName): string =>
  isList(name) ? `COALESCE(p.${column}, stored.${column})` : `p.${column}`;

const ORDER_PARAMETERS = {
  stream: '$8::uuid',
  sequence: '$9::bigint',
  observedAt: '$10::timestamptz',
  receivedAt: '$6::timestamptz',
};

/**
 * The new `truncatedCount`. If all containers were counted (`$15`), `$16` is this count. If not, `$16` is the change of
 * the count.
 */
const NEW_TRUNCATED_COUNT = 'CASE WHEN $15::boolean THEN $16::int ELSE GREATEST(0, "truncatedCount" + $16::int) END';

/** The new `failedCount`, like `NEW_TRUNCATED_COUNT`. */
const NEW_FAILED_COUNT = 'CASE WHEN $15::boolean THEN $20::int ELSE GREATEST(0, "failedCount" + $20::int) END';

const GUARD_ASSIGNMENTS = formatAssignments({
  revision: 'revision + $3::int',
  digest: '$5',
  lastSeenAt: ORDER_PARAMETERS.receivedAt,
  heartbeatSeconds: '$17::int',
  confirmedAt: `CASE WHEN $4::boolean THEN ${ORDER_PARAMETERS.receivedAt} ELSE "confirmedAt" END`,
  engineError: 'NULL',
  ...problemAssignments('$4::boolean'),
  // For a complete snapshot, $7 is the number of present containers. For an incomplete snapshot, $7 is the change of
  // this number.
  containerCount: 'CASE WHEN $4::boolean THEN 0 ELSE "containerCount" END + $7::int',
  // An older version of Muster, which may still run alongside this one, stores a count for every state. Counts of
  // unknown states are added up here.
  stateCounts: `CASE WHEN $15::boolean THEN $14::jsonb WHEN $14::text = '{}' THEN "stateCounts" ELSE (
        SELECT COALESCE(jsonb_object_agg(word, containers), '{}')
        FROM (
          SELECT CASE WHEN word = ANY ('{${COUNTED_KEYS.join()}}'::text[]) THEN word ELSE '${OTHER_STATE}' END AS word,
            sum(containers::int) AS containers
          FROM (
            SELECT * FROM jsonb_each_text("stateCounts") UNION ALL SELECT * FROM jsonb_each_text($14::jsonb)
          ) AS counts (word, containers)
          GROUP BY 1
        ) AS summed
        WHERE containers <> 0
      ) END`,
  truncatedCount: NEW_TRUNCATED_COUNT,
  failedCount: NEW_FAILED_COUNT,
  // If the stored count is 0, `truncatedSince` is replaced even if it is set. An older version of Muster that runs
  // alongside this one does not reset `truncatedSince` when the count becomes 0.
  truncatedSince: `CASE
      WHEN ${NEW_TRUNCATED_COUNT} = 0 THEN NULL
      WHEN "truncatedCount" = 0 THEN ${ORDER_PARAMETERS.receivedAt}
      ELSE COALESCE("truncatedSince", ${ORDER_PARAMETERS.receivedAt})
    END`,
  ...orderAssignments(ORDER_PARAMETERS),
});

/** The condition that the host's last report is at most an hour older than this one. */
const IS_CONTINUOUS = `COALESCE(hosts."observedAt" > ${ORDER_PARAMETERS.observedAt} - INTERVAL '${LOOP_MS} milliseconds', FALSE)`;

/** The `changedAt` of a row to write. In an update, `-infinity` means that the stored `changedAt` is kept. */
const CHANGED_AT = `CASE WHEN r.changed IS FALSE THEN '-infinity' ELSE ${ORDER_PARAMETERS.receivedAt} END`;

/** The change of a row's exit counts (`LoopChange`). If `times` is null, nothing changes. */
const LOOP_TYPES = 'times int[], loop jsonb, "loopingSince" timestamptz';

/** Returns the new `exitTimes` of an input row (alias `row`) whose `times` is not null. */
const newExitTimes = (row: string, stored: string): string =>
  `array_fill($12::timestamptz(3), ARRAY[${row}.times[1]]) || ${stored}[${row}.times[2]:${row}.times[3]]`;

/** Returns the assignments of a row's exit counts. `isChanged` is an SQL condition. */
const loopAssignments = (isChanged: string, exitTimes: string, row: string): string => `
        "exitTimes" = CASE WHEN ${isChanged} THEN ${exitTimes} ELSE stored."exitTimes" END,
        loop = CASE WHEN ${isChanged} THEN ${row}.loop ELSE stored.loop END,
        "loopingSince" = CASE WHEN ${isChanged} THEN ${row}."loopingSince" ELSE stored."loopingSince" END`;

/** In an inserted row, `exitTimes` is null if the exit counts do not change. */
const WRITTEN_ROWS = `), written AS (
      INSERT INTO containers AS stored (
        "hostId", ${eachField(CONTAINER_FIELD_NAMES, String)},
        ${DERIVED_COLUMNS}, health, "exitCode", digest, "firstSeenAt", "changedAt", "removedAt", "organizationId",
        "exitTimes", loop, "loopingSince")
      SELECT guard.id, ${eachField(CONTAINER_FIELD_NAMES, inputValue)},
        ${DERIVED_INPUT}, r.health, r."exitCode", r.digest, ${ORDER_PARAMETERS.receivedAt}, ${CHANGED_AT}, NULL,
        guard."organizationId",
        CASE WHEN r.times IS NOT NULL THEN ${newExitTimes(
          'r',
          `(SELECT c."exitTimes" FROM containers AS c WHERE c."hostId" = guard.id AND c."dockerId" = r."dockerId")`,
        )} END, r.loop, r."loopingSince"
      FROM guard CROSS JOIN json_to_recordset($22::json) AS r(
        ${typedColumns(CONTAINER_FIELD_NAMES)}, ${DERIVED_TYPES}, health text, "exitCode" float8, digest text,
        changed boolean, ${LOOP_TYPES})
      ON CONFLICT ("hostId", "dockerId") DO UPDATE SET
        ${eachField(WRITTEN_FIELDS, (column, name) => `${column} = ${writtenValue(column, name)}`)},
        (${DERIVED_COLUMNS}) = ROW (${DERIVED_COLUMNS.replaceAll(/(?:"\w+"|\w+)/g, 'excluded.$&')}),
        health = excluded.health, "exitCode" = excluded."exitCode", digest = excluded.digest,
        "changedAt" = CASE WHEN excluded."changedAt" = '-infinity' THEN stored."changedAt" ELSE excluded."changedAt" END,
        "removedAt" = NULL, ${loopAssignments('excluded."exitTimes" IS NOT NULL', 'excluded."exitTimes"', 'excluded')}
      RETURNING (xmax = 0) AS inserted
    `;

// `exit` is kept, because the container may reappear, and the agent may then not know why the container ended.
const GONE_ROWS = `), gone AS (
      UPDATE containers SET
        state = 'exited', status = '', health = NULL, "exitCode" = NULL, digest = '', loop = NULL, "loopingSince" = NULL,
        "changedAt" = ${ORDER_PARAMETERS.receivedAt}, "removedAt" = ${ORDER_PARAMETERS.receivedAt}
      FROM guard
      WHERE "hostId" = guard.id AND "dockerId" = ANY ($23::text[]) AND "removedAt" IS NULL
      RETURNING 1
    `;

/**
 * Builds the statement. `whole` is true if the statement must also add, remove or fully rewrite rows; otherwise it only
 * patches existing rows. Most snapshots with changes only patch one or two containers, and unused parts of a statement
 * would be a large share of its cost.
 */
const writeStatement = ({ name, whole }: { name: string; whole: boolean }): Statement => ({
  name,
  text: `
    WITH locked AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    ), guard AS (
      UPDATE hosts SET
      ${GUARD_ASSIGNMENTS}
      FROM locked
      WHERE hosts.id = locked.id AND revision = $2::int AND digest IS NOT DISTINCT FROM $18::text
        AND ($18::text IS NOT NULL OR hosts."observedAt" IS NOT DISTINCT FROM $19::timestamptz)
        AND ($21::boolean IS NULL OR $21::boolean = ${IS_CONTINUOUS})
        AND ${NOT_DELETED} AND ${orderCondition(ORDER_PARAMETERS)}
        AND ($4::boolean OR $7::int <= 0 OR "containerCount" + $7::int <= ${HOST_CONTAINERS_MAX})
      RETURNING hosts.id, "organizationId", revision, digest
    ${whole ? WRITTEN_ROWS : ''}), patched AS (
      UPDATE containers AS stored SET
        ${eachField(PATCHED_FIELDS, (column, name) => `${column} = ${patchValue(column, name)}`)},
        health = p.health, "exitCode" = p."exitCode", digest = p.digest,
        "changedAt" = CASE WHEN p.changed THEN ${ORDER_PARAMETERS.receivedAt} ELSE stored."changedAt" END,
        ${loopAssignments('p.times IS NOT NULL', newExitTimes('p', 'stored."exitTimes"'), 'p')}
      FROM guard CROSS JOIN json_to_recordset($11::json) AS p(
        "dockerId" text, ${typedColumns(PATCHED_FIELDS)}, health text, "exitCode" float8, digest text,
        changed boolean, ${LOOP_TYPES})
      WHERE stored."hostId" = guard.id AND stored."dockerId" = p."dockerId"
      RETURNING 1
    ${whole ? GONE_ROWS : ''}), recorded AS (
      INSERT INTO container_events (
        tx, "hostId", "dockerId", name, kind, "from", "to", "exitCode", "exitReason", "workloadKind", project, service,
        instance, image, exits, "observedAt", "recordedAt", "organizationId")
      SELECT pg_current_xact_id()::text::bigint, guard.id, e."dockerId", e.name, e.kind, e."from", e."to",
        e."exitCode", e."exitReason", e."workloadKind", e.project, e.service, e.instance, e.image, e.exits,
        COALESCE((e.exits ->> 'last')::timestamptz, $12::timestamptz), ${ORDER_PARAMETERS.receivedAt}, guard."organizationId"
      FROM guard, json_to_recordset($13::json) AS e(
        "dockerId" text, name text, kind text, "from" jsonb, "to" jsonb, "exitCode" float8, "exitReason" text,
        "workloadKind" text, project text, service text, instance text, image text, exits jsonb)
    )
    SELECT guard.revision, guard.digest,
      ${whole ? '(SELECT count(*) FILTER (WHERE inserted) FROM written)::int' : '0'} AS created,
      ((SELECT count(*) FROM patched)
        ${whole ? '+ (SELECT count(*) FILTER (WHERE NOT inserted) FROM written)' : ''})::int AS updated,
      ${whole ? '(SELECT count(*) FROM gone)::int' : '0'} AS removed
    FROM guard`,
});

type StatementResult = Omit<SnapshotWriteResult, 'historyBytes'>;

const WRITE_PATCHES = writeStatement({ name: 'write_patches', whole: false });
const WRITE_WHOLE = writeStatement({ name: 'write_snapshot', whole: true });

/** A change of a row's exit counts, as the statement reads it. */
interface LoopInput {
  times?: string;
  loop?: OpenLoop;
  loopingSince?: Date;
}

/**
 * Adds the changes of exit counts to patches, in place, because copying the patches would take longer than everything
 * else in this file.
 */
function addLoops(patches: readonly (ContainerPatch & LoopInput)[], { changes }: FoldedLoops): void {
  if (changes.size === 0) return;
  for (const patch of patches) addLoop(patch, changes.get(patch.dockerId));
}

function addLoop(input: LoopInput, change: LoopChange | undefined): void {
  if (!change?.state) return;
  const { added, first, last } = change.times;
  const { loop, loopingSince } = change.state;
  input.times = `{${added},${first},${last}}`;
  if (loop !== null) input.loop = loop;
  if (loopingSince !== null) input.loopingSince = new Date(loopingSince);
}

/**
 * Returns the rows with the changes of their exit counts. The given rows do not change, because another attempt needs
 * them.
 */
const withLoops = (rows: readonly ContainerRow[], { changes }: FoldedLoops): readonly ContainerRow[] =>
  changes.size === 0
    ? rows
    : rows.map((row) => {
        const copy = { ...row };
        addLoop(copy as LoopInput, changes.get(row.dockerId));
        return copy;
      });

/** Returns an event as the statement reads it. Null values are left out, because most values are null. */
const toEventInput = (event: EventDraft) => ({
  dockerId: event.dockerId,
  name: event.name,
  kind: event.kind,
  from: event.from ?? undefined,
  to: event.to ?? undefined,
  exitCode: event.exitCode ?? undefined,
  exitReason: event.exitReason ?? undefined,
  workloadKind: event.workloadKind ?? undefined,
  project: event.project ?? undefined,
  service: event.service ?? undefined,
  instance: event.instance ?? undefined,
  image: event.image ?? undefined,
  exits: event.exits,
});

/** Maximum bytes that are written with the usual timeout. */
const USUAL_BYTES_MAX = 1024 * 1024;

/** The timeout of a write of more than `USUAL_BYTES_MAX` bytes is this value plus `TIMEOUT_MS_PER_MIB` for each MiB. */
const TIMEOUT_MS_MIN = 5_000;
const TIMEOUT_MS_PER_MIB = 1_500;

/**
 * Writes a diff in one statement. Its guard locks the host's row, and passes only if the row's revision and digest
 * still equal those of `base` and the order permits the write. All other parts select FROM the guard, so that nothing
 * is written if the guard fails. Every transaction that changes a host's rows holds this lock and increments the
 * revision. Two snapshots of one host are therefore written one after the other, and snapshots of different hosts share
 * no lock. No statement holds one host's lock while it waits for the lock of another host. Deadlocks are therefore
 * impossible, and the rows need no lock order. If another transaction has locked the host's row, the guard fails,
 * because waiting would occupy a connection.
 *
 * Returns null if the guard failed. The caller must then read the rows and compare them again.
 */
export async function writeSnapshot(db: Database, write: SnapshotWrite): Promise<SnapshotWriteResult | null> {
  const { hostId, base, diff, loops, totals, complete, digest, order, times, eventsObservedAt, heartbeatSeconds } =
    write;
  const rowsChange = diff.writes.length + diff.patches.length + diff.removals.length > 0;
  const yielder = createYielder();
  const writes = await stringifyWithYields(withLoops(diff.writes, loops), yielder);
  addLoops(diff.patches, loops);
  const patches = await stringifyWithYields(diff.patches, yielder);
  const events = await stringifyWithYields(loops.events.map(toEventInput), yielder);
  const lengths = [writes, patches, events].flatMap((pieces) => pieces.map(({ length }) => length));
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  const isLong = bytes > USUAL_BYTES_MAX;
  const text = (pieces: string[]) => (isLong ? toLongText(pieces, yielder) : pieces.join(''));
  const { stateCounts, truncated, failed } = totals ?? diff.totalChanges;
  const values: unknown[] = [
    hostId,
    base.revision,
    rowsChange ? 1 : 0,
    complete,
    complete ? digest : null,
    times.receivedAt,
    presentCount(diff, complete),
    order?.stream ?? null,
    order?.sequence ?? null,
    times.observedAt,
    await text(patches),
    eventsObservedAt,
    await text(events),
    JSON.stringify(stateCounts),
    totals !== null,
    truncated,
    heartbeatSeconds,
    base.digest,
    base.observedAt,
    failed,
    loops.dependsOnContinuity ? write.isContinuous : null,
  ];
  const whole = diff.writes.length + diff.removals.length > 0;
  const statement = whole ? WRITE_WHOLE : WRITE_PATCHES;
  if (whole) values.push(await text(writes), diff.removals);
  const [written] = isLong
    ? await db.queryWithTimeout<StatementResult>(statement, values, timeoutMs(bytes))
    : await db.query<StatementResult>(statement, values);
  return written === undefined
    ? null
    : { ...written, historyBytes: loops.events.length === 0 ? 0 : byteLength(events) };
}

const byteLength = (pieces: readonly string[]): number =>
  pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);

const toLongText = async (pieces: readonly string[], yielder: Yielder): Promise<LongText> =>
  new LongText(await encodeWithYields(pieces, yielder));

/**
 * Returns the number of the host's present containers after a complete snapshot, or the change of this number after an
 * incomplete one.
 */
export function presentCount(
  { writes, patches, removals, events, unchanged }: SnapshotDiff,
  complete: boolean,
): number {
  if (complete) return writes.length + patches.length + unchanged;
  const appearedCount = events.filter(({ kind }) => kind === 'created' || kind === 'reappeared').length;
  return appearedCount - removals.length;
}

const timeoutMs = (bytes: number): number => TIMEOUT_MS_MIN + Math.ceil((bytes / (1024 * 1024)) * TIMEOUT_MS_PER_MIB);
