import {
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  type EnrollmentTokenCreated,
  type Host,
  type HostDeletionRequest,
  type HostDeletionResult,
  type HostLabelChange,
  type HostLabelChangeResult,
  type HostPatch,
} from '@muster/contracts';
import { transact, type Prisma } from '@muster/db';
import { NotFoundError } from '../../errors.js';
import { deleteHostData } from './delete-host-data.sql.js';
import { type AgentTokenCache, insertEnrollmentToken } from '../enrollment/index.js';
import type { FreshnessSource } from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { auditedWrite, type RecordAction } from '../audit/index.js';
import { recordHostEvents } from '../host-events/index.js';
import { getHost } from '../inventory/index.js';
import { lockHost, lockHosts, type LockedHost } from './lock-hosts.sql.js';
import { changeOperatorLabels, setOperatorLabels } from './operator-labels.js';

export interface HostService {
  /**
   * Renames a host, gives it the name that its machine reports, or replaces the labels that operators have set.
   * @throws NotFoundError if the organization has no such host.
   */
  update(operator: OperatorIdentity, hostId: string, patch: HostPatch): Promise<Host>;

  /**
   * Sets and removes operator labels on several hosts, in one transaction.
   * @throws InvalidRequestError if a host would have too many operator labels. No host changes.
   */
  changeLabels(operator: OperatorIdentity, change: HostLabelChange): Promise<HostLabelChangeResult>;

  /**
   * Revokes all tokens of a host, effective within 5 seconds in every process. Creates an enrollment token, valid for
   * one use and one day, with which the agent can enroll again as the same host. With any other enrollment token, the
   * agent cannot enroll as this host. The host's data is kept, but is not updated until the agent has enrolled again.
   * Unlike in a rotation by the agent, the old tokens do not stay valid until a new token is used, because a thief
   * could use the old tokens too. This call is needed only if a theft is suspected, because agents rotate their tokens
   * automatically.
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
   * Marks hosts as deleted, except those of other organizations, and returns the ids of the marked hosts. Does not
   * delete the hosts' data.
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
        if (labels !== undefined) await setOperatorLabels(tx, operator, [{ host, labels }], at);
      });
      return getHost(source, operator.organizationId, hostId);
    },

    async changeLabels(operator, { hostIds, set, remove }) {
      const requested = [...new Set(hostIds)];
      const at = now();
      const { found, changed } = await transact(db, async (tx) => {
        const hosts = await lockHosts(tx, operator.organizationId, requested);
        const changed = await changeOperatorLabels(tx, operator, hosts, { set, remove }, at);
        return { found: new Set(hosts.map(({ id }) => id)), changed: new Set(changed) };
      });
      return {
        changed: [...changed],
        unchanged: [...found].filter((id) => !changed.has(id)),
        notFound: requested.filter((id) => !found.has(id)),
      };
    },

    async rotateToken(operator, hostId) {
      const { organizationId } = operator;
      const at = now();
      const created = await auditedWrite(db, operator, at, async (tx, record) => {
        // Only the most recent enrollment token may restore the host. The enrollment tokens are locked before the host,
        // as in an enrollment, so that this transaction and an enrollment do not deadlock.
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

/** Sets the name of a locked host. If `requested` is null, the host gets the name that its machine reports. */
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
    // Record this event before the name changes. Otherwise, the trigger `host_name` records a rename by an operator, as
    // it does for earlier versions of Muster.
    await recordHostEvents(tx, [{ organizationId, hostId, kind: 'host_renamed', ...change, at, recordedAt: at }]);
  }
  await tx.host.update({ where: { id: host.id }, data: { name, nameSetByOperator } });
  await record('host.renamed', `host:${host.id}`, { from: host.name, to: name, nameSetByOperator });
}
