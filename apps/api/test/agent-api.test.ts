import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container, order } from './fixtures.js';
import { useApi } from './harness.js';

describe.each(testEngines())('the agent API on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const rotate = (token: string) => context.api.http.post(Paths.agentToken).auth(token, { type: 'bearer' });
  const post = (token: string) => context.api.http.post(Paths.agentContainers).auth(token, { type: 'bearer' }).send([]);

  describe('heartbeats', () => {
    test('of a new run update the host’s facts, but heartbeats of a superseded run do not', async () => {
      const host = await (await context.api.organization()).enroll();
      const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
      await host.sync([container('a')], order(first, 1));
      await host.sync([container('a')], order(second, 1));
      const engine = { name: 'Podman', version: '5.0.0', apiVersion: '1.41' };
      const down = { digest: null, engineError: 'cannot connect', engine, os: 'Fedora', agentVersion: '9' };

      await host.beat(down, { 'Snapshot-Stream': first }).expect(200);
      expect(await host.host()).toMatchObject({ engineError: null, engineName: 'Docker', agentVersion: '0.1.0' });
      await host.beat(down, { 'Snapshot-Stream': third }).expect(200);
      expect(await host.host()).toMatchObject({ engineError: 'cannot connect', engineName: 'Podman', os: 'Fedora' });
      await host.beat({ digest: null }, { 'Snapshot-Stream': first }).expect(200);
      expect(await host.host()).toMatchObject({ engineError: 'cannot connect' });
    });

    test('and unchanged snapshots update only their own host, even if many hosts send them concurrently', async () => {
      const organization = await context.api.organization();
      const hosts = await Promise.all(Array.from({ length: 20 }, () => organization.enroll()));
      const digests = await Promise.all(
        hosts.map(async (host, index) => (await host.sync([container(`c${index}`)])).digest),
      );
      context.api.clock.advance(5_000);
      const answers = await Promise.all(
        hosts.map((host, index) =>
          index % 3 === 0
            ? host.sync([container(`c${index}`)]).then(({ unchanged }) => unchanged === 1)
            : // Every third host sends a wrong digest. Its call updates lastSeenAt, but not confirmedAt.
              host.beat({ digest: digests[index % 3 === 1 ? index : 0] }).then(({ body }) => body as object),
        ),
      );
      const now = context.api.clock();
      for (const [index, host] of hosts.entries()) {
        expect(answers[index]).toEqual(
          index % 3 === 0 ? true : expect.objectContaining({ snapshotRequired: index % 3 === 2 }),
        );
        const { lastSeenAt, confirmedAt } = await host.host();
        expect(lastSeenAt).toEqual(now);
        expect(confirmedAt).toEqual(index % 3 === 2 ? new Date(now.getTime() - 5_000) : now);
      }
    });

    const enrollHost = async () => (await context.api.organization()).enroll();

    test('with the digest of the last snapshot update confirmedAt', async () => {
      const host = await enrollHost();
      const { digest } = await host.sync([container('a')]);
      context.api.clock.advance(10_000);
      const answer = await host.beat({ digest }).expect(200);
      expect(answer.body).toMatchObject({
        snapshotRequired: false,
        cadence: { heartbeatSeconds: 10, snapshotSeconds: 60 },
      });
      expect(await host.host()).toMatchObject({ lastSeenAt: context.api.clock(), confirmedAt: context.api.clock() });
    });

    test('with a different digest or a null digest do not update confirmedAt, and make the API request a snapshot', async () => {
      const host = await enrollHost();
      expect((await host.beat({ digest: null }).expect(200)).body).toMatchObject({ snapshotRequired: true });
      await host.sync([container('a')]);
      const { confirmedAt } = await host.host();
      context.api.clock.advance(10_000);
      for (const digest of ['another', null]) {
        expect((await host.beat({ digest }).expect(200)).body).toMatchObject({ snapshotRequired: true });
      }
      expect(await host.host()).toMatchObject({ lastSeenAt: context.api.clock(), confirmedAt });
    });

    test('with an engine error set the host’s freshness to engine_down and remove no containers', async () => {
      const host = await enrollHost();
      await host.sync([container('a')]);
      await host.beat({ digest: null, engineError: 'connect ENOENT /var/run/docker.sock' }).expect(200);
      const { organization } = host;
      expect((await organization.get(`/api/hosts/${host.id}`)).body).toMatchObject({
        freshness: 'engine_down',
        engineError: 'connect ENOENT /var/run/docker.sock',
        containerCount: 1,
      });
      expect((await organization.get('/api/containers')).body).toMatchObject({
        items: [{ dockerId: 'a', state: 'running', hostFreshness: 'engine_down' }],
      });
      await host.sync([container('a')]);
      expect((await organization.get(`/api/hosts/${host.id}`)).body).toMatchObject({
        freshness: 'online',
        engineError: null,
      });
    });

    test('from a superseded run do not update confirmedAt, and set cloneSuspectedAt after a minute', async () => {
      const host = await enrollHost();
      const [first, second] = [randomUUID(), randomUUID()];
      await host.sync([container('a')], order(first, 1));
      const { digest } = await host.sync([container('a')], order(second, 1));
      context.api.clock.advance(61_000);
      const { confirmedAt } = await host.host();
      expect((await host.beat({ digest }, { 'Snapshot-Stream': first }).expect(200)).body).toMatchObject({
        snapshotRequired: false,
      });
      expect(await host.host()).toMatchObject({ confirmedAt, cloneSuspectedAt: context.api.clock() });
      await host.beat({ digest }, { 'Snapshot-Stream': second }).expect(200);
      expect(await host.host()).toMatchObject({ confirmedAt: context.api.clock(), streamHeardAt: context.api.clock() });
    });

    test('update the stored facts about the machine', async () => {
      const host = await enrollHost();
      const engine = { name: 'Docker', version: '29.0.0', apiVersion: '1.52' };
      await host.beat({ digest: null, engine, os: 'Debian 13', agentVersion: '0.3.0' }).expect(200);
      expect(await host.host()).toMatchObject({
        engineVersion: '29.0.0',
        os: 'Debian 13',
        agentVersion: '0.3.0',
        arch: 'x86_64',
      });
    });

    test('without the digest field are refused, and the error has the path of the field', async () => {
      const host = await enrollHost();
      expect((await host.beat({}).expect(400)).body).toMatchObject({ errors: [{ path: '/digest' }] });
    });
  });

  describe('token rotation', () => {
    const enrollHost = async () => (await context.api.organization()).enroll();
    const next = async (token: string) => ((await rotate(token).expect(201)).body as { agentToken: string }).agentToken;

    test('keeps the old token valid until the new token is first used', async () => {
      const { token: old } = await enrollHost();
      const fresh = await next(old);
      await post(old).expect(200);
      await post(fresh).expect(200);
      await post(old).expect(401);
      await post(fresh).expect(200);
    });

    test('replaces a new token that was never used', async () => {
      const { token: old } = await enrollHost();
      const lost = await next(old);
      const kept = await next(old);
      await post(lost).expect(401);
      await post(kept).expect(200);
    });

    test('expires an unused new token after 24 hours and keeps the old token valid', async () => {
      const { token: old } = await enrollHost();
      const unused = await next(old);
      context.api.clock.advance(24 * 3_600_000);
      await post(unused).expect(401);
      await post(old).expect(200);
    });

    test('keeps a used new token valid beyond 24 hours', async () => {
      const { token: old } = await enrollHost();
      const used = await next(old);
      await post(used).expect(200);
      context.api.clock.advance(48 * 3_600_000);
      await post(used).expect(200);
    });

    test('leaves the agent with a valid token after concurrent rotations and first uses', async () => {
      const { token } = await enrollHost();
      let current = token;
      for (let round = 0; round < 10; round++) {
        const fresh = await next(current);
        const answers = await Promise.all([rotate(current), post(fresh), rotate(current), post(fresh)]);
        expect(answers.every(({ status }) => [200, 201, 401].includes(status))).toBe(true);
        const issued = [answers[0], answers[2]].map(({ body }) => (body as { agentToken?: string }).agentToken);
        const candidates = [current, fresh, ...issued].filter((candidate) => candidate !== undefined);
        const validTokens = [];
        for (const candidate of candidates) if ((await post(candidate)).status === 200) validTokens.push(candidate);
        expect(validTokens.length).toBeGreaterThan(0);
        current = validTokens.at(-1)!;
      }
    });
  });
});
