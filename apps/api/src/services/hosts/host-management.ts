import {
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  type EnrollmentTokenCreated,
  type Host,
  type HostDeletionRequest,
  type HostDeletionResult,
  type HostLabelChange,
  type HostLabelChangeResult,
  type HostLabels,
  HOST_LABELS_MAX,
  type HostPatch,
  mergeHostLabels,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { isDeepStrictEqual } from 'node:util';
import { InvalidRequestError, NotFoundError } from '../../errors.js';
import { deleteHostData } from './delete-host-data.sql.js';
import { type AgentTokenCache, insertEnrollmentToken } from '../enrollment/index.js';
import type { FreshnessSource } from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { auditedWrite, type RecordAction } from '../audit/index.js';
import { recordHostEvents } from '../host-events/index.js';
import { getHost, labelsBySource, type HostLabelColumns } from '../inventory/index.js';

export interface HostService {
  /**
   * Renames a host, gives it the name that its machine reports, or replaces the labels that operators have set.
   * @throws NotFoundError if the organization has no such host.
   */
  update(operator: OperatorIdentity, hostId: string, patch: HostPatch): Promise<Host>;

  /**
   * Sets and removes labels of operators on several hosts, in one transaction.
   * @throws InvalidRequestError if a host would have too many labels of operators. No host changes.
   */
  changeLabels(operator: OperatorIdentity, change: HostLabelChange): Promise<HostLabelChangeResult>;

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
      const hosts = await lockHosts(tx, operator.organizationId, hostIds);
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
    async update(operator, hostId, { name, labels }) {
      const at = now();
      await auditedWrite(db, operator, at, async (tx, record) => {
        const host = await lockHost(tx, operator.organizationId, hostId);
        if (name !== undefined) await setName(tx, record, host, name, at);
        if (labels !== undefined) await setOperatorLabels(tx, record, host, labels, at);
      });
      return getHost(source, operator.organizationId, hostId);
    },

    async changeLabels(operator, { hostIds, set, remove }) {
      const requested = [...new Set(hostIds)];
      const changed: string[] = [];
      const at = now();
      const hosts = await auditedWrite(db, operator, at, async (tx, record) => {
        const hosts = await lockHosts(tx, operator.organizationId, requested);
        for (const host of hosts) {
          const kept = Object.entries(labelsBySource(host).operator).filter(([key]) => !remove.includes(key));
          const labels = { ...Object.fromEntries(kept), ...set };
          const count = Object.keys(labels).length;
          if (count > HOST_LABELS_MAX) {
            const message = `gives the host ${host.name} ${count} labels of operators: at most ${HOST_LABELS_MAX}`;
            throw new InvalidRequestError(`The field set ${message}.`, [{ path: '/set', message }]);
          }
          if (await setOperatorLabels(tx, record, host, labels, at)) changed.push(host.id);
        }
        return hosts;
      });
      const found = hosts.map(({ id }) => id);
      return {
        changed,
        unchanged: found.filter((id) => !changed.includes(id)),
        notFound: requested.filter((id) => !found.includes(id)),
      };
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

/** A locked host's name, and the labels that each source sets. */
interface LockedHost extends HostLabelColumns {
  id: string;
  organizationId: string;
  name: string;
  nameSetByOperator: boolean;
}

/** Locks the rows of an organization's hosts until the transaction ends, in the order of their ids. */
const lockHosts = (tx: Prisma.TransactionClient, organizationId: string, hostIds: readonly string[]) =>
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
async function lockHost(tx: Prisma.TransactionClient, organizationId: string, hostId: string): Promise<LockedHost> {
  const [host] = await lockHosts(tx, organizationId, [hostId]);
  if (host === undefined) throw new NotFoundError('host');
  return host;
}

/** Sets the name of a locked host. With null, the host has the name that its machine reports. */
async function setName(
  tx: Prisma.TransactionClient,
  record: RecordAction,
  host: LockedHost,
  requested: string | null,
  at: Date,
): Promise<void> {
  const nameSetByOperator = requested !== null;
  const facts = requested === null ? await tx.hostFacts.findUnique({ where: { hostId: host.id } }) : null;
  const name = requested ?? facts?.name ?? host.name;
  if (name === host.name && nameSetByOperator === host.nameSetByOperator) return;
  if (name !== host.name) {
    const change = { from: { name: host.name }, to: { name } };
    const { id: hostId, organizationId } = host;
    // The trigger `host_name` takes a new name without an event for that of an operator of an earlier version.
    await recordHostEvents(tx, [{ organizationId, hostId, kind: 'host_renamed', ...change, at, recordedAt: at }]);
  }
  await tx.host.update({ where: { id: host.id }, data: { name, nameSetByOperator } });
  await record('host.renamed', `host:${host.id}`, { from: host.name, to: name, nameSetByOperator });
}

/** Replaces the labels that operators have set on a locked host. Returns whether they changed. */
async function setOperatorLabels(
  tx: Prisma.TransactionClient,
  record: RecordAction,
  host: LockedHost,
  operatorLabels: HostLabels,
  at: Date,
): Promise<boolean> {
  const bySource = labelsBySource(host);
  if (isDeepStrictEqual(bySource.operator, operatorLabels)) return false;
  const labels = mergeHostLabels({ ...bySource, operator: operatorLabels });
  await tx.host.update({ where: { id: host.id }, data: { operatorLabels, labels } });
  await record('host.labels_changed', `host:${host.id}`, {
    name: host.name,
    from: bySource.operator,
    to: operatorLabels,
  });
  const previous = mergeHostLabels(bySource);
  if (!isDeepStrictEqual(previous, labels)) {
    const { id: hostId, organizationId } = host;
    const change = { from: { labels: previous }, to: { labels } };
    await recordHostEvents(tx, [{ organizationId, hostId, kind: 'labels_changed', ...change, at, recordedAt: at }]);
  }
  return true;
}
