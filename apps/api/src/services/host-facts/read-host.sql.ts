import type { EngineFacts, HostLabels } from '@muster/contracts';
import { Prisma } from '@muster/db';

/** The stored facts about a host that is not deleted. */
export interface StoredFacts {
  organizationId: string;
  name: string;
  nameSetByOperator: boolean;
  engineId: string;
  labels: HostLabels;
  operatorLabels: HostLabels;
  agentLabels: HostLabels;
  enrollmentTokenLabels: HostLabels;
  /** The name that the machine last reported. */
  reportedName: string | null;
  addresses: string[] | null;
  kernel: string | null;
  cpus: number | null;
  memoryBytes: bigint | null;
  engineFacts: EngineFacts | null;
  /** Whether another stream has replaced the reporting stream. */
  isSuperseded: boolean;
}

type Reader = Pick<Prisma.TransactionClient, '$queryRaw'>;

/** Reads the facts about a host. `stream` is the reporting stream. Returns null if the host is gone. */
export async function readStoredFacts(db: Reader, hostId: string, stream: string | null): Promise<StoredFacts | null> {
  const [host] = await db.$queryRaw<StoredFacts[]>(Prisma.sql`
    SELECT h."organizationId", h.name, h."nameSetByOperator", h."engineId", h.labels, h."operatorLabels",
      h."agentLabels", h."enrollmentTokenLabels",
      f.name AS "reportedName", f.addresses, f.kernel, f.cpus, f."memoryBytes", f."engineFacts",
      h."supersededStreams" @> jsonb_build_array(jsonb_build_object('stream', ${stream}::text)) AS "isSuperseded"
    FROM hosts AS h LEFT JOIN host_facts AS f ON f."hostId" = h.id
    WHERE h.id = ${hostId}::uuid AND h."deletedAt" IS NULL`);
  return host ?? null;
}

/**
 * Locks the row of a host until the transaction ends. A separate statement then reads the row, because a statement that
 * waits for the lock would read the joined facts as they were before the wait.
 */
export const lockHostRow = (tx: Reader, hostId: string) =>
  tx.$queryRaw(Prisma.sql`SELECT id FROM hosts WHERE id = ${hostId}::uuid FOR NO KEY UPDATE`);

/** Returns whether another host of the organization has this engine. */
export async function isEngineOfOtherHost(tx: Reader, organizationId: string, engineId: string): Promise<boolean> {
  const found = await tx.$queryRaw<unknown[]>(Prisma.sql`
    SELECT 1 FROM hosts
    WHERE "organizationId" = ${organizationId} AND "engineId" = ${engineId} AND "deletedAt" IS NULL`);
  return found.length > 0;
}
