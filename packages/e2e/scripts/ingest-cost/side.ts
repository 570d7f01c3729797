import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { createContainerService } from '@muster/api/container-service';
import type { Container } from '@muster/contracts';
import type { openDatabase } from '@muster/db';
import {
  advance,
  NO_PROGRESS,
  ORGANIZATION,
  seedHosts,
  simulateHost,
  touchesOfPercent,
  type ChangeKind,
} from '@muster/fleet';
import { createDatabase, withConnection } from '@muster/testkit/databases';
import { ownCpuMs } from '@muster/testkit/proc';

export interface SideOptions {
  name: string;
  /** The main program of the built API. Its container service is called in this process. */
  main: string;
  /** Changes a snapshot before it is sent. */
  convert: (container: Container) => Container;
  serverUrl: string;
  postgresCpuMs: () => number;
  hosts: number;
  containers: number;
}

/** What a turn sends: the first snapshot of new hosts, or a number of snapshots of each known host. */
export interface Traffic {
  kind: ChangeKind | 'first';
  percent: number;
  perHost: number;
  /** Whether the service has the host's last snapshot in memory. Without it, the rows are compared. */
  cached: boolean;
}

/** CPU milliseconds per snapshot. */
export interface Cost {
  node: number;
  postgres: number;
}

export type Side = Awaited<ReturnType<typeof createSide>>;

/** Creates a database with the migrations of one version, and the container service of this version. */
export async function createSide({ name, main, convert, serverUrl, postgresCpuMs, ...size }: SideOptions) {
  const api = (await import(join(dirname(main), 'services/container.js'))) as {
    createContainerService: typeof createContainerService;
  };
  const storage = (await import(join(dirname(main), '../../../packages/db/dist/index.js'))) as {
    openDatabase: typeof openDatabase;
  };
  const url = await createDatabase(serverUrl, name);
  const db = await storage.openDatabase({ url });
  const now = () => new Date();
  const cachedService = api.createContainerService(db, { now });
  const uncachedService = api.createContainerService(db, { now, memoryBytesMax: 0 });
  await withConnection(url, (client) =>
    client.query(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Default', 'default')`, [ORGANIZATION]),
  );
  let seeded = 0;

  /** Creates hosts in the database. All sides give the same containers to the host with the same number. */
  const addHosts = async () => {
    const hosts = await withConnection(url, (client) => seedHosts(client, `fleet-${seeded}`, size.hosts));
    return hosts.map(({ id }) => {
      const simulated = simulateHost({ seed: 1, index: seeded++, containers: size.containers, mix: 'running' });
      return { id, simulated, progress: NO_PROGRESS, sequence: 0 };
    });
  };
  let hosts = await addHosts();

  function nextSnapshot(host: (typeof hosts)[number], { kind, percent }: Traffic) {
    if (kind !== 'first') host.progress = advance(host.progress, kind, touchesOfPercent(percent, size.containers));
    host.sequence += 1;
    const bytes = Buffer.from(JSON.stringify(host.simulated.snapshot(host.progress).map(convert)));
    const digest = createHash('sha256').update(bytes).digest('base64url');
    return { hostId: host.id, bytes, digest, order: { stream: host.id, sequence: host.sequence } };
  }

  return {
    name,
    url,
    /** Sends snapshots one after the other. Only the sending is measured. */
    async send(traffic: Traffic): Promise<Cost> {
      if (traffic.kind === 'first') hosts = await addHosts();
      const service = traffic.cached ? cachedService : uncachedService;
      const rounds = Array.from({ length: traffic.perHost }, () => hosts.map((host) => nextSnapshot(host, traffic)));
      const snapshots = rounds.flat();
      globalThis.gc?.();
      const before = { node: ownCpuMs(), postgres: postgresCpuMs() };
      for (const { hostId, bytes, digest, order } of snapshots) {
        const metadata = { order, observedAt: now(), complete: true, digest };
        const { applied } = await service.syncContainers(hostId, { bytes, encoding: 'identity' }, metadata);
        if (!applied) throw new Error(`${name}: a snapshot was not applied`);
      }
      return {
        node: (ownCpuMs() - before.node) / snapshots.length,
        postgres: (postgresCpuMs() - before.postgres) / snapshots.length,
      };
    },
    /** Removes dead rows, so that no autovacuum is needed. */
    vacuum: () => withConnection(url, (client) => client.query('VACUUM (ANALYZE)')),
    close: () => db.close(),
  };
}
