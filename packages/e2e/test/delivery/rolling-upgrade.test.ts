/**
 * Tests a rolling upgrade from version 0.2.0, the first version that supports it. A replica of each version runs on one
 * PostgreSQL database, and each report of a host goes to a random replica.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '@muster/client';
import {
  EnrollResponse,
  HeartbeatResponse,
  MUSTER_VERSION,
  Paths,
  SnapshotHeaderNames,
  SyncSummary,
  type ContainerEvent,
} from '@muster/contracts';
import { createEmptyServerDatabase, hasTestServer } from '@muster/db/testing';
import { isAvailable, newToken, runIf, startApi, type Api } from '@muster/testkit';
import { seededRandom, type Random } from '@muster/testkit/random';
import { buildOldVersion, whyUnavailable, type OldVersion } from '../support/old-version.js';

const HOSTS = 12;
const KEY = newToken();

/** Posts JSON. @throws if the response is not a success. */
async function post(url: string, token: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

type State = 'running' | 'exited';

/** A host whose containers the test changes. It computes what the API must write for each report. */
class ReportingHost {
  readonly containers = new Map<string, State>();
  /** The number of events of each kind that the reports must have recorded. */
  readonly events: Record<string, number> = {};
  readonly #stream = randomUUID();
  #sequence = 0;
  #created = 0;

  constructor(
    readonly id: string,
    private readonly token: string,
    private readonly random: Random,
  ) {}

  /** Changes one container, or nothing. Returns what the API must write for the next report. */
  change(): { created: number; updated: number; removed: number } {
    const counts = { created: 0, updated: 0, removed: 0 };
    const ids = [...this.containers.keys()];
    const id = ids[Math.floor(this.random() * ids.length)];
    const dice = this.random();
    if (id === undefined || dice < 0.2) {
      this.containers.set(`c${this.#created++}`, 'running');
      return { ...counts, created: this.#count('created') };
    }
    if (dice < 0.3) {
      this.containers.delete(id);
      return { ...counts, removed: this.#count('removed') };
    }
    if (dice < 0.6) {
      const state = this.containers.get(id) === 'running' ? 'exited' : 'running';
      this.containers.set(id, state);
      return { ...counts, updated: this.#count(state === 'exited' ? 'exited' : 'started') };
    }
    return counts;
  }

  /**
   * Sends the present state to one replica in a snapshot, and the digest of this state to another replica in a
   * heartbeat.
   */
  async report(snapshotTo: Api, heartbeatTo: Api, expected: object): Promise<void> {
    const containers = [...this.containers].map(([dockerId, state]) => ({
      ...{ dockerId, name: `name-of-${dockerId}`, image: 'nginx:1.29', state },
      status: state === 'running' ? 'Up 5 minutes' : 'Exited (1) 5 minutes ago',
      ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8080, type: 'tcp' }],
      labels: { team: 'web' },
    }));
    const summary = SyncSummary.parse(
      await post(snapshotTo.url + Paths.agentContainers, this.token, containers, {
        [SnapshotHeaderNames.stream]: this.#stream,
        [SnapshotHeaderNames.sequence]: String(this.#sequence++),
      }),
    );
    const { applied, created, updated, removed, digest } = summary;
    expect({ applied, created, updated, removed }).toEqual({ applied: true, ...expected });
    const beat = HeartbeatResponse.parse(await post(heartbeatTo.url + Paths.agentHeartbeat, this.token, { digest }));
    expect(beat.snapshotRequired).toBe(false);
  }

  #count(kind: string): 1 {
    this.events[kind] = (this.events[kind] ?? 0) + 1;
    return 1;
  }
}

const suite = runIf(isAvailable(await whyUnavailable('v0.2.0')) && hasTestServer(), describe);

suite('a rolling upgrade from version 0.2.0', () => {
  let version: OldVersion;
  let database: Awaited<ReturnType<typeof createEmptyServerDatabase>>;
  let old: Api;
  let current: Api;
  const closers: (() => Promise<unknown>)[] = [];
  const hosts: ReportingHost[] = [];
  const random = seededRandom(20);

  const startReplica = (main?: string) =>
    startApi({
      adminKey: KEY,
      env: { DATABASE_URL: database.url, MUSTER_DRAIN_SECONDS: '0', MUSTER_AGENT_REQUESTS_PER_MINUTE: '0' },
      ...(main === undefined ? {} : { main }),
    });
  const pickFrom = (replicas: readonly Api[]) => replicas[Math.floor(random() * replicas.length)]!;
  const clientOf = ({ url }: Api) => createClient({ url, key: KEY });

  /** Makes every host report `rounds` times, with or without a change. Each report goes to a random replica. */
  const reportTo = (replicas: readonly Api[], rounds: number) =>
    Promise.all(
      hosts.map(async (host) => {
        for (let round = 0; round < rounds; round++)
          await host.report(pickFrom(replicas), pickFrom(replicas), host.change());
      }),
    );

  /** Expects that a replica lists exactly the containers and the events that the hosts reported. */
  async function expectExactly(replica: Api): Promise<void> {
    const client = clientOf(replica);
    for (const { id, containers, events } of hosts) {
      const listed: Record<string, string> = {};
      for await (const { dockerId, state } of client.items('listContainers', { query: { hostId: id, limit: 200 } }))
        listed[dockerId] = state;
      expect(listed).toEqual(Object.fromEntries(containers));
      const recorded: Partial<Record<ContainerEvent['kind'], number>> = {};
      for await (const { kind } of client.items('listEvents', { query: { hostId: id, limit: 200 } }))
        recorded[kind] = (recorded[kind] ?? 0) + 1;
      expect(recorded).toEqual(events);
    }
  }

  beforeAll(async () => {
    version = await buildOldVersion('v0.2.0');
    database = await createEmptyServerDatabase();
    closers.unshift(() => database.drop());
    old = await startReplica(version.mainOf('api'));
    closers.unshift(() => old.stop());
    const { token } = await clientOf(old).call('createEnrollmentToken', { body: { name: 'test', maxUses: HOSTS } });
    for (let index = 0; index < HOSTS; index++) {
      const engine = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };
      const machine = { engineId: randomUUID(), engine, os: 'linux', arch: 'x86_64', agentVersion: '0.2.0' };
      const { hostId, agentToken } = EnrollResponse.parse(
        await post(old.url + Paths.agentEnroll, token, { name: `host-${index}`, ...machine }),
      );
      hosts.push(new ReportingHost(hostId, agentToken, random));
    }
  }, 600_000);
  afterAll(async () => {
    for (const close of closers) await close();
  });

  test('a replica of version 0.2.0 serves its hosts while this version migrates the database', async () => {
    await reportTo([old], 5);
    const starting = startReplica();
    const state = { isStarting: true };
    const stopReporting = () => void (state.isStarting = false);
    starting.then(stopReporting, stopReporting);
    while (state.isStarting) await reportTo([old], 1);
    current = await starting;
    closers.unshift(() => current.stop());
    await expectExactly(current);
  });

  test('reports to both versions lose no change, and no version undoes a change from the other version', async () => {
    await reportTo([old, current], 25);
    await expectExactly(old);
    await expectExactly(current);
    const { replicas } = await clientOf(current).call('getSystem');
    expect(replicas).toMatchObject([{ version: MUSTER_VERSION }]);
  });

  test('unchanged snapshots that alternate between the versions write no row and no event', async () => {
    const unchanged = { created: 0, updated: 0, removed: 0 };
    for (let round = 0; round < 6; round++) {
      const [one, other] = round % 2 === 0 ? [old, current] : [current, old];
      await Promise.all(hosts.map((host) => host.report(one, other, unchanged)));
    }
    await expectExactly(current);
  });

  test('a replica of version 0.2.0 that restarts after the migration exits with the reason', async () => {
    await expect(startReplica(version.mainOf('api'))).rejects.toThrow(/newer version of Muster/);
    await reportTo([old, current], 2);
  });

  test('after the old replica stops, this version serves all hosts without losing a change', async () => {
    const reports = reportTo([current], 10);
    expect(await old.stop('SIGTERM')).toBe(0);
    await reports;
    await expectExactly(current);
  });
});
