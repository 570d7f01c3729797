import { fieldsWith } from '@muster/contracts';
import type { Database, Statement } from '@muster/db';
import type { ContainerFacts, ContainerRow } from './container-row.js';
import { LOOP_MS, type LoopState, type OpenLoop } from './container-loops.js';
import type { StoredContainer } from './diff-snapshot.js';
import { isRecent, type LoopStates } from './fold-loops.js';
import type { HostOrder } from './order.js';
import { NOT_DELETED } from './host-order.sql.js';

/** A consistent state of a host, read by one statement. */
export interface HostState {
  revision: number;
  digest: string | null;
  /** When the last applied snapshot was observed. Equals `order.observedAt`. */
  observedAt: Date | null;
  order: HostOrder;
  /** Number of present containers. */
  containerCount: number;
  /**
   * The present rows and the removed rows of the containers in the snapshot. For a complete snapshot, also all other
   * present rows.
   */
  containers: StoredContainer[];
  /** The exit counts of the rows in `containers`. Rows without recent exits are missing. */
  loops: LoopStates;
}

interface HostJson {
  revision: number;
  containerCount: number;
  digest: string | null;
  stream: string | null;
  sequence: number | null;
  observedAt: string | null;
  streamHeardAt: string | null;
  supersededStreams: { stream: string; at: string }[];
  /** The `dockerId`s of the present rows that have the same digest as the snapshot's container with that `dockerId`. */
  equal: string[];
  /** The exit counts of the rows in `equal`. Rows without recent exits are missing. */
  loops: LoopJson[] | null;
}

/** The columns of a row's exit counts as JSON. */
interface LoopJson {
  dockerId: string;
  exitTimes: string[] | null;
  loop: OpenLoop | null;
  loopingSince: string | null;
}

/** A row as JSON. Its keys are the column names, which equal the field names. */
type ContainerJson = Required<ContainerFacts> & LoopJson & { removedAt: string | null };

/**
 * Builds a statement that returns the host as the first row and then one row per container, so that a long list is
 * decoded as it arrives. The database compares the digests, and for an unchanged container, only the id is returned.
 * Uses json, because building jsonb takes time quadratic in the number of an object's keys.
 */
const readStatement = (name: string, ofRows: string): Statement => ({
  name,
  text: `
    WITH incoming AS (
      SELECT * FROM unnest($2::text[], $3::text[]) AS incoming ("dockerId", digest)
    ), present AS MATERIALIZED (
      SELECT c AS container, c."dockerId",
        c.digest = incoming.digest AND (c."workloadKind" IS NOT NULL OR NOT $4::boolean) AS equal,
        c."exitTimes"[1] > $5::timestamptz OR c.loop IS NOT NULL AS "hasLoop"
      FROM containers AS c LEFT JOIN incoming ON incoming."dockerId" = c."dockerId"
      WHERE c."hostId" = $1::uuid AND c."removedAt" IS NULL AND ${ofRows}
    )
    SELECT json_build_object(
        'revision', revision, 'containerCount', "containerCount", 'digest', digest, 'stream', stream, 'sequence', sequence, 'observedAt', "observedAt",
        'streamHeardAt', "streamHeardAt", 'supersededStreams', "supersededStreams",
        'equal', COALESCE((SELECT json_agg("dockerId") FROM present WHERE equal), '[]'),
        'loops', (SELECT json_agg(json_build_object('dockerId', "dockerId", 'exitTimes', (container)."exitTimes",
            'loop', (container).loop, 'loopingSince', (container)."loopingSince"))
          FROM present WHERE equal AND "hasLoop")) AS host,
      NULL::json AS container
    FROM hosts WHERE id = $1::uuid AND ${NOT_DELETED}
    UNION ALL
    SELECT NULL, to_json(container) FROM present WHERE equal IS NOT TRUE
    UNION ALL
    SELECT NULL, to_json(c)
    FROM incoming JOIN containers AS c ON c."hostId" = $1::uuid AND c."dockerId" = incoming."dockerId"
    WHERE c."removedAt" IS NOT NULL`,
});

const READ_ALL = readStatement('read_host_state', 'TRUE');
const READ_NAMED = readStatement('read_named_containers', 'c."dockerId" = ANY ($6::text[])');

/**
 * Reads the rows with which a sync compares a snapshot, in one statement and without a lock. For an incomplete
 * snapshot, reads only the rows of containers that the snapshot contains or reports as removed. For a complete
 * snapshot, also reads all other present rows. With `derivesMissing`, a row without workload columns never equals the
 * snapshot's container, so that these columns are written. `observedAt` is the time of the snapshot by the host's
 * clock. Returns null if the host does not exist or was deleted.
 */
export async function readHostState(
  db: Database,
  hostId: string,
  incoming: readonly ContainerRow[],
  {
    complete,
    removedIds,
    observedAt,
    derivesMissing = true,
  }: { complete: boolean; removedIds: readonly string[]; observedAt: Date; derivesMissing?: boolean },
): Promise<HostState | null> {
  const dockerIds = incoming.map(({ dockerId }) => dockerId);
  const digests = incoming.map(({ digest }) => digest);
  const values: unknown[] = [hostId, dockerIds, digests, derivesMissing, new Date(observedAt.getTime() - LOOP_MS)];
  if (!complete) values.push([...dockerIds, ...removedIds]);
  const rows = await db.query<{ host: HostJson | null; container: ContainerJson | null }>(
    complete ? READ_ALL : READ_NAMED,
    values,
  );
  const host = rows.find((row) => row.host !== null)?.host;
  if (!host) return null;
  const { revision, containerCount, digest, stream, sequence, streamHeardAt, supersededStreams, equal } = host;
  const containers = rows.flatMap(({ container }) => (container === null ? [] : [container]));
  return {
    revision,
    containerCount,
    digest,
    observedAt: toDate(host.observedAt),
    order: {
      stream,
      sequence,
      observedAt: toDate(host.observedAt),
      streamHeardAt: toDate(streamHeardAt),
      supersededStreams: supersededStreams.map(({ stream, at }) => ({ stream, at: new Date(at) })),
    },
    containers: [
      ...equal.map((dockerId) => ({ dockerId, equal: true }) as const),
      ...containers.map(toStoredContainer),
    ],
    loops: toLoopStates([...(host.loops ?? []), ...containers], observedAt),
  };
}

const toDate = (instant: string | null): Date | null => (instant === null ? null : new Date(instant));

function toLoopStates(rows: readonly LoopJson[], observedAt: Date): LoopStates {
  const states = new Map<string, LoopState>();
  for (const { dockerId, exitTimes, loop, loopingSince } of rows) {
    if (loop === null && exitTimes === null) continue;
    const state = {
      exitTimes: (exitTimes ?? []).map((at) => Date.parse(at)),
      loop,
      loopingSince: loopingSince === null ? null : Date.parse(loopingSince),
    };
    if (isRecent(state, observedAt)) states.set(dockerId, state);
  }
  return states;
}

const INSTANT_FIELDS = fieldsWith('kind', 'instant');

function toStoredContainer({ removedAt, ...row }: ContainerJson): StoredContainer {
  for (const name of INSTANT_FIELDS) row[name] = toDate(row[name])?.toISOString() ?? null;
  return { dockerId: row.dockerId, equal: false, removed: removedAt !== null, row };
}
