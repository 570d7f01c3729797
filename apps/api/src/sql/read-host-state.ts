import type { Health, Labels, Port, TruncatableField } from '@muster/contracts';
import type { Database, Statement } from '@muster/db';
import type { ContainerFacts, ContainerRow } from '../domain/container-row.js';
import type { StoredContainer } from '../domain/diff-snapshot.js';
import type { HostOrder } from '../domain/order.js';
import { IS_THERE } from './host-order.js';

/** A host as one statement saw it: all of it is of one moment. */
export interface HostState {
  revision: number;
  digest: string | null;
  order: HostOrder;
  /** The present rows, and the removed ones that were asked for. */
  containers: StoredContainer[];
}

interface HostJson {
  revision: number;
  digest: string | null;
  stream: string | null;
  sequence: number | null;
  observedAt: string | null;
  streamHeardAt: string | null;
  supersededStreams: { stream: string; at: string }[];
  /** `dockerId`s of present rows whose digest is the incoming one. */
  equal: string[];
}

interface ContainerJson {
  dockerId: string;
  name: string;
  image: string;
  imageId: string | null;
  command: string;
  state: string;
  status: string;
  ports: Port[];
  labels: Labels;
  startedAt: string | null;
  health: Health | null;
  exitCode: number | null;
  truncated: TruncatableField[];
  removedAt: string | null;
}

/**
 * The host comes as the first row and its containers as one row each, so that a long list is decoded piece by piece
 * as it arrives. The database compares the digests: of an unchanged container only its id crosses the wire. json and
 * not jsonb, whose building is quadratic in the keys of an object.
 */
const READ_HOST_STATE: Statement = {
  name: 'read_host_state',
  text: `
    WITH incoming AS (
      SELECT * FROM unnest($2::text[], $3::text[]) AS incoming ("dockerId", digest)
    ), present AS MATERIALIZED (
      SELECT c AS container, c."dockerId", c.digest = incoming.digest AS equal
      FROM containers AS c LEFT JOIN incoming ON incoming."dockerId" = c."dockerId"
      WHERE c."hostId" = $1::uuid AND c."removedAt" IS NULL
    )
    SELECT json_build_object(
        'revision', revision, 'digest', digest, 'stream', stream, 'sequence', sequence, 'observedAt', "observedAt",
        'streamHeardAt', "streamHeardAt", 'supersededStreams', "supersededStreams",
        'equal', COALESCE((SELECT json_agg("dockerId") FROM present WHERE equal), '[]')) AS host,
      NULL::json AS container
    FROM hosts WHERE id = $1::uuid AND ${IS_THERE}
    UNION ALL
    SELECT NULL, to_json(container) FROM present WHERE equal IS NOT TRUE
    UNION ALL
    SELECT NULL, to_json(c)
    FROM incoming JOIN containers AS c ON c."hostId" = $1::uuid AND c."dockerId" = incoming."dockerId"
    WHERE c."removedAt" IS NOT NULL`,
};

/**
 * Reads what a sync compares a snapshot with, in one statement and without a lock.
 * Null: there is no such host, or it was deleted.
 */
export async function readHostState(
  db: Database,
  hostId: string,
  incoming: readonly ContainerRow[],
): Promise<HostState | null> {
  const dockerIds = incoming.map(({ dockerId }) => dockerId);
  const digests = incoming.map(({ digest }) => digest);
  const rows = await db.query<{ host: HostJson | null; container: ContainerJson | null }>(READ_HOST_STATE, [
    ...[hostId, dockerIds, digests],
  ]);
  const host = rows.find((row) => row.host !== null)?.host;
  if (!host) return null;
  const { revision, digest, stream, sequence, observedAt, streamHeardAt, supersededStreams, equal } = host;
  return {
    revision,
    digest,
    order: {
      ...{ stream, sequence },
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

function toStoredContainer({ removedAt, ...fields }: ContainerJson): StoredContainer {
  const startedAt = toDate(fields.startedAt)?.toISOString() ?? null;
  const row: ContainerFacts = { ...fields, startedAt };
  return { dockerId: row.dockerId, equal: false, removed: removedAt !== null, row };
}
