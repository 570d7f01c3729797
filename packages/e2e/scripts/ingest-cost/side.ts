import { readFileSync } from 'node:fs';
import type { Container } from '@muster/contracts';
import {
  advance,
  NO_PROGRESS,
  ORGANIZATION,
  seedHosts,
  simulateHost,
  touchesOfPercent,
  type ChangeKind,
  type SeededHost,
} from '@muster/fleet';
import { createDatabase, withConnection } from '@muster/testkit/databases';
import type { Report } from './report.js';
import { startServer, startServices } from './targets.js';

export interface SideOptions {
  name: string;
  /** The main program of the built API. */
  main: string;
  /** Whether the reports are sent over HTTP. If not, a process calls the services of the API. */
  isHttp: boolean;
  /** Changes a snapshot before it is sent. */
  convert: (container: Container) => Container;
  serverUrl: string;
  hosts: number;
  containers: number;
}

/** The reports of a round: the first snapshots of new hosts, or a number of snapshots or heartbeats per known host. */
export interface Traffic {
  kind: ChangeKind | 'first' | 'heartbeat';
  percent: number;
  perHost: number;
  /** Whether the service has the host's last snapshot in memory. If not, the service compares the rows. */
  cached: boolean;
  /** How many reports are sent at the same time; default: 1. */
  atOnce?: number;
  /** Whether new hosts replace the known ones before the first round. */
  onNewHosts?: boolean;
}

/** CPU milliseconds. */
export interface Cost {
  node: number;
  postgres: number;
}

export type Side = Awaited<ReturnType<typeof createSide>>;

/** Creates a database with the migrations of one version, and starts this version in its own process. */
export async function createSide({ name, main, isHttp, convert, serverUrl, ...size }: SideOptions) {
  const url = await createDatabase(serverUrl, name);
  const agents = new Map<string, SeededHost>();
  const target = isHttp ? await startServer(main, url, agents) : await startServices(main, url);
  // A server has already created the organization.
  await withConnection(url, (client) =>
    client.query(
      `INSERT INTO organizations (id, name, slug) VALUES ($1, 'Default', 'default') ON CONFLICT DO NOTHING`,
      [ORGANIZATION],
    ),
  );
  let seeded = 0;

  /** Creates hosts in the database. All sides give the same containers to the host with the same number. */
  const addHosts = async () => {
    const added = await withConnection(url, (client) => seedHosts(client, `fleet-${seeded}`, size.hosts));
    return added.map((host) => {
      agents.set(host.id, host);
      const simulated = simulateHost({ seed: 1, index: seeded++, containers: size.containers, mix: 'varied' });
      return { id: host.id, simulated, progress: NO_PROGRESS, sequence: 0 };
    });
  };
  let hosts = await addHosts();
  const replaceHosts = async () => {
    hosts = await addHosts();
  };

  function nextReport(host: (typeof hosts)[number], { kind, percent, cached }: Traffic): Report {
    if (kind === 'heartbeat') return { kind, hostId: host.id };
    if (kind !== 'first') host.progress = advance(host.progress, kind, touchesOfPercent(percent, size.containers));
    host.sequence += 1;
    const body = JSON.stringify(host.simulated.snapshot(host.progress).map(convert));
    return { kind: 'snapshot', hostId: host.id, body, sequence: host.sequence, cached };
  }

  return {
    url,
    replaceHosts,
    /**
     * Creates the reports of a round. Returns a function that sends the next report of each host, and measures only the
     * sending.
     */
    async prepare(traffic: Traffic): Promise<() => Promise<Cost>> {
      if (traffic.kind === 'first') await replaceHosts();
      const reports = Array.from({ length: traffic.perHost }, () => hosts.map((host) => nextReport(host, traffic)));
      await target.prepare(reports.flat());
      const postgresCpuMs = await backendsCpuMs(url);
      return async () => {
        const before = postgresCpuMs();
        const node = await target.send(hosts.length, traffic.atOnce ?? 1);
        return { node, postgres: postgresCpuMs() - before };
      };
    },
    /** Removes dead rows, so that no autovacuum is needed. */
    vacuum: () => withConnection(url, (client) => client.query('VACUUM (ANALYZE)')),
    close: () => target.stop(),
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
