import {
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  type EnrollmentTokenCreated,
  type Host,
  type HostDeletionRequest,
  type HostDeletionResult,
  type HostPatch,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { NotFoundError } from '../../errors.js';
import { deleteHostData } from './delete-host-data.sql.js';
import { type AgentTokenCache, insertEnrollmentToken } from '../enrollment/index.js';
import type { FreshnessSource } from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { auditedWrite } from '../audit/index.js';
import { getHost } from '../inventory/index.js';

export interface HostService {
  /**
   * Renames a host.
   * @throws NotFoundError if the organization has no such host.
   */
  rename(operator: OperatorIdentity, hostId: string, patch: HostPatch): Promise<Host>;

  /**
   * Revokes all tokens of a host, effective within 5 seconds in every process. Creates an enrollment token, valid for
   * one use and one day, with which the agent can enroll again as the same host. With any other enrollment token, the
   * agent cannot enroll as this host. The host's data is kept, but is not updated until the agent has enrolled again.
   * Unlike in a rotation by the agent, the old tokens do not stay valid until a new one is used, because a thief could
   * use them too. This call is needed only if a theft is suspected, because agents rotate their tokens automatically.
   * @throws NotFoundError if the organization has no such host.
   */
  rotateToken(operator: OperatorIdentity, hostId: string): Promise<EnrollmentTokenCreated>;

  /**
   * Revokes a host's tokens and deletes its containers and history. If the host's agent calls again, the agent receives
   * `host-deleted`. If the machine enrolls again, it becomes a new host.
   * @throws NotFoundError if the organization has no such host.
   */
  delete(operator: OperatorIdentity, hostId: string): Promise<void>;

  /**
   * Deletes several hosts in one transaction. Unlike `delete`, leaves their containers and history for retention to
   * delete.
   */
  deleteSeveral(operator: OperatorIdentity, request: HostDeletionRequest): Promise<HostDeletionResult>;
}

/** Maximum number of batches per table that are deleted while the operator waits for the response. */
const DELETE_BATCHES_MAX = 4;

export function createHostService(
  source: FreshnessSource,
  { now, tokenCache }: { now: () => Date; tokenCache?: AgentTokenCache },
): HostService {
  const { db } = source;

  /**
   * Marks as deleted those of the hosts that belong to the organization, and returns their ids. Does not delete their
   * data.
   */
  async function markDeleted(operator: OperatorIdentity, hostIds: readonly string[]): Promise<string[]> {
    const at = now();
    const deleted = await auditedWrite(db, operator, at, async (tx, record) => {
      // The rows of hosts are locked first, so that a concurrent sync has either committed already or finds its host
      // deleted. The rows are locked in the order of their ids, so that two deletions do not deadlock.
      const hosts = await tx.$queryRaw<{ id: string; name: string }[]>(Prisma.sql`
        SELECT id::text AS id, name FROM hosts
        WHERE id = ANY (${[...hostIds]}::uuid[]) AND "organizationId" = ${operator.organizationId}
          AND "deletedAt" IS NULL
        ORDER BY id FOR NO KEY UPDATE`);
      const ids = hosts.map(({ id }) => id);
      await tx.host.updateMany({
        where: { id: { in: ids } },
        data: { deletedAt: at, digest: null, containerCount: 0, revision: { increment: 1 } },
      });
      await tx.agentToken.updateMany({ where: { hostId: { in: ids }, revokedAt: null }, data: { revokedAt: at } });
      for (const { id, name } of hosts) await record('host.deleted', `host:${id}`, { name });
      return ids;
    });
    for (const id of deleted) tokenCache?.invalidateHost(id);
    return deleted;
  }

  return {
    async rename(operator, hostId, { name }) {
      await auditedWrite(db, operator, now(), async (tx, record) => {
        const host = await lockHost(tx, operator.organizationId, hostId);
        if (host.name === name) return;
        await tx.host.update({ where: { id: hostId }, data: { name } });
        await record('host.renamed', `host:${hostId}`, { from: host.name, to: name });
      });
      return getHost(source, operator.organizationId, hostId);
    },

    async rotateToken(operator, hostId) {
      const { organizationId } = operator;
      const at = now();
      const created = await auditedWrite(db, operator, at, async (tx, record) => {
        // Only the most recent enrollment token may restore the host. The enrollment tokens are locked before the host,
        // as in an enrollment, so that the two do not deadlock.
        await tx.enrollmentToken.updateMany({
          where: { organizationId, hostId, revokedAt: null },
          data: { revokedAt: at },
        });
        const { name } = await lockHost(tx, organizationId, hostId);
        await tx.host.update({ where: { id: hostId }, data: { tokensRevokedAt: at } });
        const { count } = await tx.agentToken.updateMany({
          where: { hostId, revokedAt: null },
          data: { revokedAt: at },
        });
        const token = await insertEnrollmentToken(
          tx,
          operator,
          { name, expiresInSeconds: ENROLLMENT_TOKEN_SECONDS_DEFAULT, maxUses: 1, hostId },
          at,
        );
        const details = { tokensRevoked: count, enrollmentTokenId: token.id };
        await record('host.token_rotated', `host:${hostId}`, details);
        return token;
      });
      tokenCache?.invalidateHost(hostId);
      return created;
    },

    async delete(operator, hostId) {
      const deleted = await markDeleted(operator, [hostId]);
      if (deleted.length === 0) throw new NotFoundError('host');
      // If the history is too long for these batches, retention deletes the rest.
      await deleteHostData(db, hostId, DELETE_BATCHES_MAX);
    },

    async deleteSeveral(operator, { hostIds }) {
      const requested = [...new Set(hostIds)];
      const deleted = await markDeleted(operator, requested);
      return { deleted, notFound: requested.filter((id) => !deleted.includes(id)) };
    },
  };
}

/**
 * Locks the host's row until the transaction ends.
 * @throws NotFoundError if the organization has no such host.
 */
async function lockHost(tx: Prisma.TransactionClient, organizationId: string, hostId: string) {
  const [host] = await tx.$queryRaw<{ name: string }[]>(Prisma.sql`
    SELECT name FROM hosts
    WHERE id = ${hostId}::uuid AND "organizationId" = ${organizationId} AND "deletedAt" IS NULL
    FOR NO KEY UPDATE`);
  if (host === undefined) throw new NotFoundError('host');
  return host;
}
