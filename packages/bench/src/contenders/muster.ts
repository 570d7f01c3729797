import { createHash } from 'node:crypto';
import { createContainerService } from '@muster/api/container-service';
import { openDatabase } from '@muster/db';
import { POOL_MAX } from '../pool.js';
import { VerificationError } from '../verify.js';
import type { Contender } from './contender.js';

/** Muster's service, called with the same arguments as in Muster's route. */
export async function createMuster(url: string): Promise<Contender> {
  const db = await openDatabase({ url }, { poolMax: POOL_MAX, statementTimeoutMs: 60_000, queryTimeoutMs: 60_000 });
  const service = createContainerService(db, { now: () => new Date() });
  return {
    id: 'muster',
    async deliver({ hostId, body, changes, sequence, observedAt }) {
      const digest = createHash('sha256').update('1:identity:').update(body).digest('base64url');
      const metadata = { order: { stream: hostId, sequence }, observedAt, complete: true, digest };
      const summary = await service.syncContainers(hostId, { bytes: body, encoding: 'identity' }, metadata);
      if (!summary.applied) throw new VerificationError(`muster: a snapshot of host ${hostId} was not applied`);
      // The number of written rows is checked for each snapshot, because the final rows do not show whether unchanged
      // rows were written again.
      const written = summary.created + summary.updated + summary.removed;
      if (written === changes) return;
      throw new VerificationError(`muster: host ${hostId}: ${written} rows were written for ${changes} changes`);
    },
    close: () => db.close(),
  };
}
