/**
 * Tests upgrades from version 0.1.0, which is built from git and first runs with its own data. All replicas of 0.1.0
 * are stopped before this version starts. In between, the test makes a backup. The last test restores this backup to
 * downgrade (docs/upgrading.md).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from '@muster/client';
import { MUSTER_VERSION, Paths, PORTS_MAX, type ContainerView } from '@muster/contracts';
import { createEmptyServerDatabase, testEngines } from '@muster/db/testing';
import { eventually, isAvailable, mainOf, runIf } from '@muster/testkit';
import { runContainer, startAgent, startHost, type FleetHost } from '../support/host.js';
import { Muster } from '../support/muster.js';
import { buildOldVersion, whyUnavailable, type OldVersion } from '../support/old-version.js';

const OWNER = { name: 'Ada', email: 'ada@example.org', password: 'correct horse battery staple' };

const run = (program: string, ...args: string[]) => promisify(execFile)(program, args);

const suite = runIf(isAvailable(await whyUnavailable('v0.1.0')), describe);

suite('an upgrade from version 0.1.0', () => {
  let old: OldVersion;
  beforeAll(async () => {
    old = await buildOldVersion('v0.1.0');
  }, 600_000);

  describe.each(testEngines())('on %s', (engine) => {
    let directory: string;
    const closers: (() => Promise<unknown>)[] = [];
    let muster: Muster;
    /** The host of an agent of version 0.1.0, and the host of an agent of this version. */
    let hosts: FleetHost[] = [];
    /** The session of the owner and the key of a viewer, which version 0.1.0 created. */
    let cookie = '';
    let viewerKey = '';
    /** The responses of version 0.1.0 immediately before it was stopped. */
    let before: Awaited<ReturnType<typeof readEverything>>;

    /** The URL of the database on the server; null for the embedded database. */
    let databaseUrl: string | null;

    const agentMains = () => [old.mainOf('agent'), mainOf('agent')] as const;
    const withCookie = (path: string) => fetch(muster.url + path, { headers: { Cookie: cookie } });

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'muster-upgrade-'));
      closers.unshift(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
      const database = engine === 'postgresql' ? await createEmptyServerDatabase() : null;
      if (database !== null) closers.unshift(() => database.drop());
      databaseUrl = database?.url ?? null;
      muster = new Muster(directory, {
        MUSTER_SECRET: 'the secret of both versions, 32+ characters',
        ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
      });
      closers.unshift(() => muster.stop());
      await muster.start('data', old.mainOf('api'));

      const token = new URL(await muster.setupLink()).hash.replace('#token=', '');
      const answer = await fetch(muster.url + Paths.setup, {
        method: 'POST',
        headers: { Origin: muster.url, 'Content-Type': 'application/json' },
        body: JSON.stringify({ token, ...OWNER }),
      });
      expect(answer.status).toBe(201);
      cookie = answer.headers.getSetCookie()[0]!.split(';', 1)[0]!;
      const key = await muster.client.call('createApiKey', { body: { name: 'a viewer', role: 'viewer' } });
      viewerKey = key.key;
    });
    afterAll(async () => {
      await Promise.all(hosts.map(({ agent }) => agent.stop()));
      await Promise.all(hosts.map((host) => host.close()));
      for (const close of closers) await close();
    });

    /** Makes a backup with version 0.1.0, or with PostgreSQL's tools. */
    const backUp = () =>
      databaseUrl === null
        ? run(
            process.execPath,
            old.mainOf('cli'),
            'backup',
            join(directory, 'backup'),
            '--data-dir',
            join(directory, 'data'),
          )
        : run('pg_dump', '--no-password', '--file', join(directory, 'backup'), databaseUrl);

    /** Restores the backup to the directory `restored`, or to the emptied database on the server. */
    async function restore(): Promise<void> {
      const backup = join(directory, 'backup');
      if (databaseUrl === null) {
        await run(process.execPath, old.mainOf('cli'), 'restore', backup, '--data-dir', join(directory, 'restored'));
        return;
      }
      const empty = ['--command', 'DROP SCHEMA public CASCADE', '--command', 'CREATE SCHEMA public'];
      await run('psql', '--no-psqlrc', '--set=ON_ERROR_STOP=1', ...empty, '--file', backup, databaseUrl);
    }

    test('agents of both versions enroll at version 0.1.0 and report', async () => {
      const start = async (name: string, main: string) =>
        startHost(muster, directory, name, await muster.enrollmentToken(name), main);
      const [oldMain, currentMain] = agentMains();
      hosts = [await start('old', oldMain), await start('current', currentMain)];
      for (const host of hosts) {
        runContainer(host, `${host.name}-web`);
        const gone = runContainer(host, `${host.name}-gone`);
        await expectContainers(muster, host, { [`${host.name}-web`]: 'running', [`${host.name}-gone`]: 'running' });
        host.engine.stop(gone);
        host.engine.remove(gone);
        await expectContainers(muster, host, { [`${host.name}-web`]: 'running' });
      }
      expect(await versions(muster)).toEqual({ old: '0.1.0', current: MUSTER_VERSION });
    });

    test('an agent of this version sends single ports up to the limit to version 0.1.0', async () => {
      const { engine } = hosts[1]!;
      engine.start(engine.create({ name: 'current-relay', image: 'coturn/coturn:4.6', ports: RELAY_PORTS }));
      await eventually(async () => {
        expect(await relayPorts(muster)).toHaveLength(PORTS_MAX);
      }, 60_000);
      const single = { ip: '0.0.0.0', type: 'tcp' };
      expect((await relayPorts(muster)).slice(0, 2)).toEqual([
        { ...single, ...RELAY_PORTS[0] },
        { ...single, ...RELAY_PORTS[1] },
      ]);
      expect(hosts[1]!.agent.stderr()).toBe('');
    });

    test('this version lists everything as version 0.1.0 did', async () => {
      await Promise.all(hosts.map(({ agent }) => agent.stop()));
      before = await readEverything(muster.client);
      expect(before.containers).toHaveLength(5);
      expect(before.events.length).toBeGreaterThanOrEqual(6);
      await muster.stop();
      await backUp();
      await muster.start();
      expect((await muster.client.call('getSystem')).version).toBe(MUSTER_VERSION);
      expect(await readEverything(muster.client)).toEqual(before);
    });

    test('sessions and API keys of version 0.1.0 are valid', async () => {
      const session = await withCookie(Paths.session);
      expect([session.status, await session.json()]).toMatchObject([
        200,
        { user: { email: OWNER.email }, role: 'owner' },
      ]);
      const viewer = createClient({ url: muster.url, key: viewerKey });
      expect(await viewer.call('getSession')).toMatchObject({ apiKey: { name: 'a viewer' }, role: 'viewer' });
    });

    test('agents of both versions continue without another enrollment', async () => {
      hosts.forEach((host, index) => {
        host.agent = startAgent(muster, directory, host.name, host.server, null, agentMains()[index]);
      });
      for (const host of hosts) {
        runContainer(host, `${host.name}-new`);
        const relay = host.name === 'current' ? { 'current-relay': 'running' } : {};
        const states = { [`${host.name}-web`]: 'running', [`${host.name}-new`]: 'running', ...relay };
        await expectContainers(muster, host, states);
      }
      expect((await muster.hosts()).map(({ id }) => id).sort()).toEqual(before.hosts.map(({ id }) => id).sort());
      // Until the API has answered, an agent sends ranges as single ports, up to the limit.
      await eventually(async () => {
        expect(await muster.hosts()).toMatchObject([
          { freshness: 'online', problems: [] },
          { freshness: 'online', problems: [] },
        ]);
      }, 60_000);
    });

    test('an agent of this version sends a range of ports after the server’s upgrade', async () => {
      const range = { ip: '0.0.0.0', ...RELAY_PORTS[0], type: 'tcp', count: RELAY_PORTS.length };
      await eventually(async () => expect(await relayPorts(muster)).toEqual([range]), 60_000);
      const { items } = await muster.client.call('listContainers', { query: { q: 'current-relay' } });
      expect(items[0]).not.toHaveProperty('truncated');
    });

    test('an upgraded agent keeps its host', async () => {
      const host = hosts[0]!;
      await host.agent.stop();
      host.agent = startAgent(muster, directory, host.name, host.server, null);
      runContainer(host, 'old-last');
      await expectContainers(muster, host, { 'old-web': 'running', 'old-new': 'running', 'old-last': 'running' });
      await eventually(async () => {
        expect(await versions(muster)).toEqual({ old: MUSTER_VERSION, current: MUSTER_VERSION });
      });
      expect(await muster.hosts()).toHaveLength(2);
    });

    test('after a downgrade, version 0.1.0 lists everything as in the backup, and the agents continue', async () => {
      await muster.stop();
      await expect(muster.start('data', old.mainOf('api'))).rejects.toThrow('written by a newer version of Muster');
      await Promise.all(hosts.map(({ agent }) => agent.stop()));
      await restore();
      await muster.start('restored', old.mainOf('api'));
      // A restore assigns new ids to the events, in the same order.
      const withoutIds = ({ events, ...rest }: typeof before) => ({
        ...rest,
        events: events.map((event) => ({ ...event, id: null })),
      });
      expect(withoutIds(await readEverything(muster.client))).toEqual(withoutIds(before));
      // The first agent is also downgraded.
      hosts.forEach((host, index) => {
        host.agent = startAgent(muster, directory, host.name, host.server, null, agentMains()[index]);
      });
      const [first, second] = hosts as [FleetHost, FleetHost];
      await expectContainers(muster, first, { 'old-web': 'running', 'old-new': 'running', 'old-last': 'running' });
      await expectContainers(muster, second, {
        'current-web': 'running',
        'current-new': 'running',
        'current-relay': 'running',
      });
      await eventually(async () => {
        expect(await versions(muster)).toEqual({ old: '0.1.0', current: MUSTER_VERSION });
      });
      await eventually(async () => {
        const listed = await muster.client.call('listHosts', { query: { limit: 200 } });
        expect(listed.items).toMatchObject([{ freshness: 'online' }, { freshness: 'online' }]);
      });
    });
  });
});

const RELAY_PORTS = Array.from({ length: 16_384 }, (_, index) => ({
  privatePort: 16_384 + index,
  publicPort: 16_384 + index,
}));

/** Returns the ports of the container that publishes a range. */
async function relayPorts({ client }: Muster): Promise<ContainerView['ports']> {
  const { items } = await client.call('listContainers', { query: { q: 'current-relay' } });
  return items[0]?.ports ?? [];
}

/** Returns the agent's version of each host. */
async function versions({ client }: Muster): Promise<Record<string, string>> {
  const { items } = await client.call('listHosts', { query: { limit: 200 } });
  return Object.fromEntries(items.map(({ name, agentVersion }) => [name, agentVersion]));
}

/** Waits until the present containers of a host have these states. */
const expectContainers = (muster: Muster, host: FleetHost, states: Record<string, string>) =>
  eventually(async () => {
    const containers = (await muster.containers()).filter(({ hostName }) => hostName === host.name);
    expect(Object.fromEntries(containers.map(({ name, state }) => [name, state]))).toEqual(states);
  }, 60_000);

/** Reads everything that both version 0.1.0 and this version list, except values that change with time. */
async function readEverything(client: Client) {
  const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const list: T[] = [];
    for await (const item of items) list.push(item);
    return list;
  };
  const query = { limit: 200 } as const;
  const hosts = await all(client.items('listHosts', { query }));
  const containers = await all(client.items('listContainers', { query: { ...query, presence: 'all' } }));
  return {
    hosts: hosts.map(
      ({ id, name, engineId, engine, os, arch, agentVersion, revision, containerCount, enrolledAt }) => ({
        ...{ id, name, engineId, engine, os, arch, agentVersion, revision, containerCount, enrolledAt },
      }),
    ),
    containers: containers.map((container) => ({
      ...pick(container, 'hostId', 'dockerId', 'name', 'image', 'imageId', 'command', 'state', 'status', 'ports'),
      ...pick(container, 'labels', 'startedAt', 'health', 'exitCode', 'firstSeenAt', 'changedAt', 'removedAt'),
    })),
    events: (await all(client.items('listEvents', { query }))).map((event) =>
      pick(
        event,
        'id',
        'hostId',
        'hostName',
        'dockerId',
        'name',
        'kind',
        'from',
        'to',
        'exitCode',
        'observedAt',
        'recordedAt',
      ),
    ),
    members: await all(client.items('listMembers', { query })),
    apiKeys: (await all(client.items('listApiKeys', { query }))).map((key) => pick(key, 'id', 'name', 'role')),
    enrollmentTokens: (await all(client.items('listEnrollmentTokens', { query }))).map((token) =>
      pick(token, 'id', 'name', 'maxUses', 'uses', 'createdAt', 'expiresAt', 'revokedAt'),
    ),
    audit: await all(client.items('listAuditEntries', { query })),
  };
}

const pick = <T, K extends keyof T>(object: T, ...names: K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, object[name]])) as Pick<T, K>;
