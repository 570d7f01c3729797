import { canonicalContainer, type Container } from '@muster/contracts';
import { CONTAINER_DEFAULTS, type HostProgress, type SimulatedHost } from '@muster/fleet';
import type pg from 'pg';

/** Thrown if a contender did not do its work, for example if its rows differ from the snapshots. */
export class VerificationError extends Error {}

/** A host, and what it has sent so far. */
export interface HostState {
  id: string;
  simulated: SimulatedHost;
  progress: HostProgress;
}

interface Row extends Omit<Container, 'startedAt'> {
  startedAt: Date | null;
  removedAt: Date | null;
}

/**
 * Checks a host's rows. They must equal its snapshot in all fields that agents report, each absent container must be
 * marked exited and removed, and there must be no other rows.
 * @throws VerificationError with the first difference.
 */
export async function verifyHost(pool: pg.Pool, who: string, { id, simulated, progress }: HostState): Promise<void> {
  const { rows } = await pool.query<Row>(
    `SELECT "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt", exit,
       "oomKilled", "restartCount", "imageDigest", "removedAt"
     FROM containers WHERE "hostId" = $1`,
    [id],
  );
  const found = new Map(rows.map((row) => [row.dockerId, textOf(row)]));
  const expected = new Map(simulated.absentIds(progress).map((dockerId) => [dockerId, 'removed, exited ""']));
  for (const container of simulated.snapshot(progress)) {
    expected.set(container.dockerId, JSON.stringify(canonicalContainer(container)));
  }
  for (const dockerId of new Set([...expected.keys(), ...found.keys()])) {
    const [ours, theirs] = [expected, found].map((containers) => containers.get(dockerId) ?? 'absent');
    if (ours !== theirs) {
      throw new VerificationError(`${who}: host ${id}, container ${dockerId} should be ${ours} but is ${theirs}`);
    }
  }
}

const textOf = ({ startedAt, removedAt, ...row }: Row): string =>
  removedAt === null
    ? JSON.stringify(canonicalContainer({ ...CONTAINER_DEFAULTS, ...row, startedAt: startedAt?.toISOString() ?? null }))
    : `removed, ${row.state} "${row.status}"`;
