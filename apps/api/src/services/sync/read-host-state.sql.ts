import { fieldsWith } from '@muster/contracts';
import type { Database, Statement } from '@muster/db';
import type { ContainerFacts, ContainerRow } from './container-row.js';
import type { StoredContainer } from './diff-snapshot.js';
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
   * The present rows (all, or only those that an incomplete snapshot names) and the removed rows that the snapshot
   * names.
   */
  containers: StoredContainer[];
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
}

/** A row as JSON. Its keys are the column names, which equal the field names. */
type ContainerJson = Required<ContainerFacts> & { removedAt: string | null };

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
        c.digest = incoming.digest AND (c."workloadKind" IS NOT NULL OR NOT $4::boolean) AS equal
      FROM containers AS c LEFT JOIN incoming ON incoming."dockerId" = c."dockerId"
      WHERE c."hostId" = $1::uuid AND c."removedAt" IS NULL AND ${ofRows}
    )
    SELECT json_build_object(
        'revision', revision, 'containerCount', "containerCount", 'digest', digest, 'stream', stream, 'sequence', sequence, 'observedAt', "observedAt",
        'streamHeardAt', "streamHeardAt", 'supersededStreams', "supersededStreams",
        'equal', COALESCE((SELECT json_agg("dockerId") FROM present WHERE equal), '[]')) AS host,
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
const READ_NAMED = readStatement('read_named_containers', 'c."dockerId" = ANY ($5::text[])');

/**
 * Reads the rows with which a sync compares a snapshot, in one statement and without a lock. For an incomplete
 * snapshot, reads only the rows that the snapshot names or lists as removed. For a complete snapshot, also reads all
 * other present rows. With `derivesMissing`, a row without the columns of its workload does not equal the snapshot's container,
 * so that they are written. Returns null if the host does not exist or was deleted.
 */
export async function readHostState(
  db: Database,
  hostId: string,
  incoming: readonly ContainerRow[],
  {
    complete,
    removedIds,
    derivesMissing = true,
  }: { complete: boolean; removedIds: readonly string[]; derivesMissing?: boolean },
): Promise<HostState | null> {
  const dockerIds = incoming.map(({ dockerId }) => dockerId);
  const digests = incoming.map(({ digest }) => digest);
  const values: unknown[] = [hostId, dockerIds, digests, derivesMissing];
  if (!complete) values.push([...dockerIds, ...removedIds]);
  const rows = await db.query<{ host: HostJson | null; container: ContainerJson | null }>(
    complete ? READ_ALL : READ_NAMED,
    values,
  );
  const host = rows.find((row) => row.host !== null)?.host;
  if (!host) return null;
  const { revision, containerCount, digest, stream, sequence, observedAt, streamHeardAt, supersededStreams, equal } =
    host;
  return {
    revision,
    containerCount,
    digest,
    observedAt: toDate(observedAt),
    order: {
      stream,
      sequence,
      observedAt: toDate(observedAt),
      streamHeardAt: toDate(streamHeardAt),
      supersededStreams: supersededStreams.map(({ stream, at }) => ({ stream, at: new Date(at) })),
    },
    containers: [
      ...equal.map((dockerId) => ({ dockerId, equal: true }) as const),
      ...rows.flatMap(({ container }) => (container === null ? [] : [toStoredContainer(container)])),
    ],
  };
}

const toDate = (instant: string | null): Date | null => (instant === null ? null : new Date(instant));

const INSTANT_FIELDS = fieldsWith('kind', 'instant');

function toStoredContainer({ removedAt, ...row }: ContainerJson): StoredContainer {
  for (const name of INSTANT_FIELDS) row[name] = toDate(row[name])?.toISOString() ?? null;
  return { dockerId: row.dockerId, equal: false, removed: removedAt !== null, row };
}
