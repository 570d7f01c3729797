import { HOST_DELETIONS_MAX, type Host } from '@muster/contracts';

/**
 * Deletes hosts in batches, because a request can delete at most `HOST_DELETIONS_MAX` hosts. Calls `onDeleted` after
 * each batch.
 */
export async function deleteInBatches(
  hosts: readonly Host[],
  deleteBatch: (hostIds: string[]) => Promise<unknown>,
  onDeleted: (hosts: readonly Host[]) => void,
): Promise<void> {
  for (let start = 0; start < hosts.length; start += HOST_DELETIONS_MAX) {
    const batch = hosts.slice(start, start + HOST_DELETIONS_MAX);
    await deleteBatch(batch.map(({ id }) => id));
    onDeleted(batch);
  }
}
