import { createHash } from 'node:crypto';
import { createContainerService } from '@muster/api/container-service';
import { openDatabase } from '@muster/db';
import { POOL_MAX } from '../pool.js';
import type { Contender } from './contender.js';

/**
 * Muster's own service, given what its route gives it. The route asks first whether the digest of the body is the
 * stored one; here that is asked of what did not change alone, so that a change is measured by `syncContainers` and
 * nothing else. The whole of the route is what the HTTP level measures.
 */
export async function createMuster(url: string): Promise<Contender> {
  const db = await openDatabase({ url }, { poolMax: POOL_MAX });
  const service = createContainerService(db);
  return {
    id: 'muster',
    async deliver({ hostId, containers, body, changed, stream, sequence, observedAt }) {
      const digest = createHash('sha256').update('1:identity:').update(body).digest('base64url');
      const metadata = { order: { stream, sequence }, observedAt, complete: true, digest };
      if (!changed && (await service.confirmContainers(hostId, digest, metadata)) !== null) return;
      const { applied } = await service.syncContainers(hostId, containers, metadata);
      if (!applied) throw new Error(`Muster did not apply a snapshot of ${hostId}`);
    },
    close: () => db.close(),
  };
}
