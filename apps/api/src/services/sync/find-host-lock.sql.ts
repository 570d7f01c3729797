import type { Database, Statement } from '@muster/db';
import { NOT_DELETED } from './host-order.sql.js';

const FIND_HOST_LOCK: Statement = {
  name: 'find_host_lock',
  isSmall: true,
  text: `
    WITH free AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    )
    SELECT NOT EXISTS (SELECT FROM free) AS "isLocked" FROM hosts WHERE id = $1::uuid AND ${NOT_DELETED}`,
};

/**
 * Returns whether another transaction has locked a host's row; `gone` if the host does not exist or was deleted. Never
 * waits.
 */
export async function findHostLock(db: Database, hostId: string): Promise<'free' | 'locked' | 'gone'> {
  const [host] = await db.query<{ isLocked: boolean }>(FIND_HOST_LOCK, [hostId]);
  if (host === undefined) return 'gone';
  return host.isLocked ? 'locked' : 'free';
}
