import { canonicalContainer, type Health, type Labels, type Port } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { ContainerRow } from '../domain/container-row.js';
import type { StoredContainer } from '../domain/diff-snapshot.js';
import type { HostOrder } from '../domain/order.js';

/** A host as one statement saw it: all of it is of one moment. */
export interface HostState {
  revision: number;
  digest: string | null;
  order: HostOrder;
  /** The present rows, and the removed ones that were asked for. */
  containers: StoredContainer[];
}

interface HostStateRow {
  revision: number;
  digest: string | null;
  stream: string | null;
  sequence: bigint | null;
  observedAt: Date | null;
  streamHeardAt: Date | null;
  supersededStreams: { stream: string; at: string }[];
  containers: StoredContainerJson[];
}

type StoredContainerJson = { dockerId: string; digest?: never } | ContainerJson;

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
  digest: string;
  removedAt: string | null;
}

/**
 * Reads what a sync compares a snapshot with, in one statement and without a lock. The database compares the row
 * digests, so that of an unchanged container only its id crosses the wire. Rows come as one JSON value, which costs
 * a third of decoding them column by column; json and not jsonb, whose aggregate is quadratic in the keys of a row.
 * Null: there is no such host, or it was deleted.
 */
export async function readHostState(
  { prisma }: Database,
  hostId: string,
  incoming: readonly ContainerRow[],
): Promise<HostState | null> {
  const dockerIds = incoming.map(({ dockerId }) => dockerId);
  const digests = incoming.map(({ digest }) => digest);
  const [host] = await prisma.$queryRaw<HostStateRow[]>(Prisma.sql`
    WITH incoming AS (
      SELECT * FROM unnest(${dockerIds}::text[], ${digests}::text[]) AS incoming ("dockerId", digest)
    ), stored AS (
      SELECT CASE
          WHEN c.digest = incoming.digest THEN json_build_object('dockerId', c."dockerId")
          ELSE to_json(c)
        END AS container
      FROM containers AS c LEFT JOIN incoming ON incoming."dockerId" = c."dockerId"
      WHERE c."hostId" = ${hostId}::uuid AND c."removedAt" IS NULL
      UNION ALL
      SELECT to_json(c)
      FROM incoming JOIN containers AS c ON c."hostId" = ${hostId}::uuid AND c."dockerId" = incoming."dockerId"
      WHERE c."removedAt" IS NOT NULL
    )
    SELECT revision, digest, stream::text AS stream, sequence, "observedAt", "streamHeardAt", "supersededStreams",
      COALESCE((SELECT json_agg(container) FROM stored), '[]') AS containers
    FROM hosts
    WHERE id = ${hostId}::uuid AND "deletedAt" IS NULL`);
  if (!host) return null;
  const { revision, digest, stream, sequence, observedAt, streamHeardAt, supersededStreams, containers } = host;
  return {
    revision,
    digest,
    order: {
      stream,
      sequence: sequence === null ? null : Number(sequence),
      observedAt,
      streamHeardAt,
      supersededStreams: supersededStreams.map(({ stream, at }) => ({ stream, at: new Date(at) })),
    },
    containers: containers.map(toStoredContainer),
  };
}

function toStoredContainer(json: StoredContainerJson): StoredContainer {
  if (json.digest === undefined) return { dockerId: json.dockerId, equal: true };
  const { removedAt, health, exitCode, digest, ...fields } = json;
  const startedAt = fields.startedAt === null ? null : new Date(fields.startedAt).toISOString();
  // jsonb keeps keys in an order of its own.
  const row: ContainerRow = { ...canonicalContainer({ ...fields, startedAt }), health, exitCode, digest };
  return { dockerId: json.dockerId, equal: false, removed: removedAt !== null, row };
}
