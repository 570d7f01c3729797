import type { Host } from '@muster/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { ConfirmDialog } from '../../components/confirm';
import { IsolatedText } from '../../components/isolated-text';
import { FreshnessBadge } from '../../components/state-badge';
import { api } from '../../lib/api/client';
import { removeHosts } from '../../lib/api/host-cache';
import { refresh } from '../../lib/api/refresh';
import { isCurrent } from '../../lib/container-status';
import { distinctName } from '../../lib/distinction';
import { formatCount } from '../../lib/format-count';
import { deleteInBatches } from './delete-in-batches';

/** Asks for one confirmation to delete several hosts. Lists the hosts and states what is lost. */
export function DeleteHostsDialog({
  hosts,
  onDeleted,
  onClose,
}: {
  hosts: readonly Host[];
  /** Called after each batch is deleted, even if a later batch fails. */
  onDeleted: (hosts: readonly Host[]) => void;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const hostCount = formatCount(hosts.length, 'host');
  const containerCount = hosts.reduce((sum, host) => sum + host.containerCount, 0);
  const reportingCount = hosts.filter(({ freshness }) => isCurrent(freshness)).length;
  return (
    <ConfirmDialog
      title={`Delete ${hostCount}?`}
      action={`Delete ${hostCount}`}
      requiredText={hostCount}
      onClose={onClose}
      onConfirm={async () => {
        await deleteInBatches(
          hosts,
          (hostIds) => api.call('deleteHosts', { body: { hostIds } }),
          (deleted) => {
            removeHosts(client, new Set(deleted.map(({ id }) => id)));
            onDeleted(deleted);
          },
        ).finally(() => refresh(client));
      }}
    >
      <ul className="deleted-hosts" tabIndex={0} aria-label="Hosts to delete">
        {hosts.map((host) => (
          <li key={host.id}>
            <span className="break">
              <IsolatedText text={distinctName(host)} />
            </span>
            <FreshnessBadge freshness={host.freshness} />
          </li>
        ))}
      </ul>
      <p>
        This removes {hosts.length === 1 ? 'the host' : 'the hosts'}, {formatCount(containerCount, 'container')} and
        their history from Muster and revokes the agent tokens. Nothing changes on the machines themselves.
      </p>
      {reportingCount > 0 && (
        <p>
          <strong>
            {formatCount(reportingCount, 'host is', 'hosts are')} still reporting. Their agents can no longer report
            until they are enrolled again.
          </strong>
        </p>
      )}
    </ConfirmDialog>
  );
}
