import { canonicalContainer, type Container } from '@muster/contracts';
import type pg from 'pg';
import { DEFAULTS, type HostProgress, type SimulatedHost } from './workload.js';

/** A contender's rows are not what they were told to be: it did less than it was asked, or something else. */
export class VerificationError extends Error {}

interface Row extends Omit<Container, 'startedAt'> {
  startedAt: Date | null;
  removedAt: Date | null;
}

/**
 * Checks that a host's rows equal a snapshot in all ten fields, that each container which is gone is marked exited
 * and removed, and that there is nothing else.
 * @throws VerificationError naming the first difference.
 */
export async function verifyHost(
  pool: pg.Pool,
  who: string,
  hostId: string,
  host: SimulatedHost,
  progress: HostProgress,
): Promise<void> {
  const { rows } = await pool.query<Row>(
    `SELECT "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt", "removedAt"
     FROM containers WHERE "hostId" = $1`,
    [hostId],
  );
  const stored = new Map(rows.map((row) => [row.dockerId, row]));
  const differs = (dockerId: string, expected: unknown, found: unknown): never => {
    throw new VerificationError(
      `${who}: host ${hostId}, container ${dockerId} should be ${JSON.stringify(expected)} and is ${JSON.stringify(found)}`,
    );
  };
  const take = (dockerId: string): Row | undefined => {
    const row = stored.get(dockerId);
    stored.delete(dockerId);
    return row;
  };

  for (const container of host.snapshot(progress)) {
    const row = take(container.dockerId);
    const expected = canonicalContainer(container);
    const found = row && canonicalContainer({ ...DEFAULTS, ...row, startedAt: row.startedAt?.toISOString() ?? null });
    if (row?.removedAt !== null || JSON.stringify(found) !== JSON.stringify(expected)) {
      differs(container.dockerId, expected, row);
    }
  }
  for (const dockerId of host.absentIds(progress)) {
    const row = take(dockerId);
    if (row === undefined || row.removedAt === null || row.state !== 'exited' || row.status !== '') {
      differs(dockerId, 'marked exited and removed', row);
    }
  }
  for (const [dockerId, row] of stored) differs(dockerId, 'not there', row);
}
