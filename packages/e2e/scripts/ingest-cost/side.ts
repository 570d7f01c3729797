import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { createContainerService } from '@muster/api/container-service';
import type { Container, Heartbeat } from '@muster/contracts';
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
  hosts: number;
  containers: number;
}

/**
 * What each side sends in a round: the first snapshots of new hosts, or a number of snapshots or heartbeats for each
 * known host.
 */
export interface Traffic {
  kind: ChangeKind | 'first' | 'heartbeat';
  percent: number;
  perHost: number;
  /** Whether the service has the host's last snapshot in memory. If not, the service compares the rows. */
  cached: boolean;
  /** How many reports are sent at the same time; default: 1. */
  atOnce?: number;
}

/** CPU milliseconds. */
export interface Cost {
  node: number;
  postgres: number;
}

interface HeartbeatService {
  beat(hostId: string, heartbeat: Heartbeat, stream: string): Promise<{ snapshotRequired: boolean }>;
}

export type Side = Awaited<ReturnType<typeof createSide>>;

/** A heartbeat of an agent that has no problem and has reported its engine before. */
const HEARTBEAT = {
  engine: { name: 'docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'Debian GNU/Linux 12',
  agentVersion: '0.1.0',
};

/** Creates a database with the migrations of one version, and the container service of this version. */
export async function createSide({ name, main, convert, serverUrl, ...size }: SideOptions) {
  const api = (await import(join(dirname(main), 'services/container.js'))) as {
    createContainerService: typeof createContainerService;
  };
  const { createHeartbeatService } = (await import(join(dirname(main), 'services/sync/heartbeat.js'))) as {
    createHeartbeatService: (db: unknown, options: { now: () => Date }) => HeartbeatService;
  };
  const storage = (await import(join(dirname(main), '../../../packages/db/dist/index.js'))) as {
    openDatabase: typeof openDatabase;
  };
  const url = await createDatabase(serverUrl, name);
  const db = await storage.openDatabase({ url });
  const now = () => new Date();
  const cachedService = api.createContainerService(db, { now });
  const uncachedService = api.createContainerService(db, { now, memoryBytesMax: 0 });
  const heartbeatService = createHeartbeatService(db, { now });
  await withConnection(url, (client) =>
    client.query(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Default', 'default')`, [ORGANIZATION]),
  );
  let seeded = 0;

  /** Creates hosts in the database. All sides give the same containers to the host with the same number. */
  const addHosts = async () => {
    const hosts = await withConnection(url, (client) => seedHosts(client, `fleet-${seeded}`, size.hosts));
    return hosts.map(({ id }) => {
      const simulated = simulateHost({ seed: 1, index: seeded++, containers: size.containers, mix: 'varied' });
      return { id, simulated, progress: NO_PROGRESS, sequence: 0, digest: '' };
    });
  };
  let hosts = await addHosts();

  /** Returns a function that sends the host's next report. */
  function nextReport(host: (typeof hosts)[number], { kind, percent, cached }: Traffic): () => Promise<void> {
    if (kind === 'heartbeat') {
      const heartbeat = { ...HEARTBEAT, digest: host.digest, sentAt: now().toISOString() };
      return async () => {
        const { snapshotRequired } = await heartbeatService.beat(host.id, heartbeat, host.id);
        if (snapshotRequired) throw new Error(`${name}: a heartbeat did not match the stored snapshot`);
      };
    }
    if (kind !== 'first') host.progress = advance(host.progress, kind, touchesOfPercent(percent, size.containers));
    host.sequence += 1;
    const bytes = Buffer.from(JSON.stringify(host.simulated.snapshot(host.progress).map(convert)));
    const digest = createHash('sha256').update(bytes).digest('base64url');
    host.digest = digest;
    const order = { stream: host.id, sequence: host.sequence };
    return async () => {
      const service = cached ? cachedService : uncachedService;
      const metadata = { order, observedAt: now(), complete: true, digest };
      const { applied } = await service.syncContainers(host.id, { bytes, encoding: 'identity' }, metadata);
      if (!applied) throw new Error(`${name}: a snapshot was not applied`);
    };
  }

  return {
    name,
    url,
    /**
     * Creates the reports of a round, in order. Returns a function that sends the `atOnce` reports of a turn at the
     * same time, and measures only the sending.
     */
    async prepare(traffic: Traffic): Promise<(turn: number) => Promise<Cost>> {
      if (traffic.kind === 'first') hosts = await addHosts();
      const reports = Array.from({ length: traffic.perHost }, () =>
        hosts.map((host) => nextReport(host, traffic)),
      ).flat();
      const postgresCpuMs = await backendsCpuMs(url);
      const { atOnce = 1 } = traffic;
      return async (turn) => {
        const sent = reports.slice(turn * atOnce, (turn + 1) * atOnce);
        const before = { node: ownCpuMs(), postgres: postgresCpuMs() };
        await Promise.all(sent.map((send) => send()));
        return { node: ownCpuMs() - before.node, postgres: postgresCpuMs() - before.postgres };
      };
    },
    /** Removes dead rows, so that no autovacuum is needed. */
    vacuum: () => withConnection(url, (client) => client.query('VACUUM (ANALYZE)')),
    close: () => db.close(),
  };
}

/** Returns a function that returns the total CPU time of the connections that the database has now, in ms. */
const backendsCpuMs = (url: string): Promise<() => number> =>
  withConnection(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    const knownMs = new Map<number, number>();
    return () => {
      for (const { pid } of rows) {
        try {
          knownMs.set(pid, Number.parseInt(readFileSync(`/proc/${pid}/schedstat`, 'utf8')) / 1e6);
        } catch {
          // The pool has closed the connection, so its time no longer changes.
        }
      }
      return [...knownMs.values()].reduce((sum, ms) => sum + ms, 0);
    };
  });
