import { Prisma } from '@muster/db';
import { NotFoundError } from '../../errors.js';
import type { HostLabelColumns } from '../inventory/index.js';

/** A locked host's name, and the labels that each source sets. */
export interface LockedHost extends HostLabelColumns {
  id: string;
  organizationId: string;
  name: string;
  nameSetByOperator: boolean;
}

/** Locks the rows of an organization's hosts until the transaction ends, in the order of their ids. */
export const lockHosts = (tx: Prisma.TransactionClient, organizationId: string, hostIds: readonly string[]) =>
  tx.$queryRaw<LockedHost[]>(Prisma.sql`
    SELECT id::text AS id, "organizationId", name, "nameSetByOperator", "operatorLabels", "agentLabels",
      "enrollmentTokenLabels"
    FROM hosts
    WHERE id = ANY (${[...hostIds]}::uuid[]) AND "organizationId" = ${organizationId} AND "deletedAt" IS NULL
    ORDER BY id FOR NO KEY UPDATE`);

/**
 * Locks the host's row until the transaction ends.
 * @throws NotFoundError if the organization has no such host.
 */
export async function lockHost(
  tx: Prisma.TransactionClient,
  organizationId: string,
  hostId: string,
): Promise<LockedHost> {
  const [host] = await lockHosts(tx, organizationId, [hostId]);
  if (host === undefined) throw new NotFoundError('host');
  return host;
}
