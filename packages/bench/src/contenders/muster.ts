import { createHash } from 'node:crypto';
import { createContainerService } from '@muster/api/container-service';
import { openDatabase } from '@muster/db';
import { POOL_MAX } from '../pool.js';
import type { Contender } from './contender.js';

/** Muster's service, with the arguments that its route passes. */
export async function createMuster(url: string): Promise<Contender> {
  const db = await openDatabase({ url }, { poolMax: POOL_MAX });
  const service = createContainerService(db, { now: () => new Date() });
  return {
    id: 'muster',
    async deliver({ hostId, body, stream, sequence, observedAt }) {
      const digest = createHash('sha256').update('1:identity:').update(body).digest('base64url');
      const metadata = { order: { stream, sequence }, observedAt, complete: true, digest };
      const { applied } = await service.syncContainers(hostId, { bytes: body, encoding: 'identity' }, metadata);
      if (!applied) throw new Error(`Muster did not apply a snapshot of ${hostId}`);
    },
    close: () => db.close(),
  };
}
