import { describe, expect, test } from '@jest/globals';
import { HOST_DELETIONS_MAX, Paths, type AuditEntry, type Host, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('deleting several hosts on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const deleteHosts = (organization: TestOrganization, hostIds: readonly string[], key = organization.adminKey) =>
    context.api.http.post(Paths.hostDeletions).auth(key, { type: 'bearer' }).send({ hostIds });

  test('removes the hosts from every list, refuses their agents, and audits each host by name', async () => {
    const organization = await context.api.organization();
    const [one, two, kept] = [
      await organization.enroll({ name: 'one' }),
      await organization.enroll({ name: 'two' }),
      await organization.enroll({ name: 'kept' }),
    ];
    for (const host of [one, two, kept]) await host.sync([container('a')]);
    const { body } = await deleteHosts(organization, [one.id, two.id.toUpperCase(), one.id]).expect(200);
    expect(body).toEqual({ deleted: [one.id, two.id].sort(), notFound: [] });

    const hosts = (await organization.get(Paths.hosts).expect(200)).body as Page<Host>;
    expect(hosts.items.map(({ name }) => name)).toEqual(['kept']);
    const containers = (await organization.get(Paths.containers).expect(200)).body as Page<{ hostId: string }>;
    expect(containers.items.map(({ hostId }) => hostId)).toEqual([kept.id]);
    await one.post([container('b')]).expect(410);
    await kept.sync([container('b')]);

    const { items } = (await organization.get(Paths.audit).expect(200)).body as Page<AuditEntry>;
    const deletions = items.filter(({ action }) => action === 'host.deleted');
    expect(deletions.map(({ target, details }) => `${target} ${String(details['name'])}`).sort()).toEqual(
      [`host:${one.id} one`, `host:${two.id} two`].sort(),
    );
  });

  test('returns deleted hosts, unknown hosts and hosts of another organization as not found, without changing them', async () => {
    const [organization, other] = [await context.api.organization(), await context.api.organization()];
    const [own, foreign] = [await organization.enroll(), await other.enroll()];
    const unknown = randomUUID();
    const first = await deleteHosts(organization, [own.id, foreign.id, unknown]).expect(200);
    expect(first.body).toEqual({ deleted: [own.id], notFound: [foreign.id, unknown] });
    const again = await deleteHosts(organization, [own.id]).expect(200);
    expect(again.body).toEqual({ deleted: [], notFound: [own.id] });
    await foreign.sync([container('a')]);
  });

  test('is refused for viewers, for an empty list and for a list with too many hosts', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const viewer = await context.api.apiKey(organization.id, 'viewer');
    await deleteHosts(organization, [host.id], viewer).expect(403);
    for (const hostIds of [[], Array.from({ length: HOST_DELETIONS_MAX + 1 }, () => randomUUID()), ['1']]) {
      await deleteHosts(organization, hostIds).expect(400);
    }
    await host.sync([container('a')]);
  });

  test('by two operators at the same time deletes each host once', async () => {
    const organization = await context.api.organization();
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push((await organization.enroll()).id);
    const results = await Promise.all([
      deleteHosts(organization, ids).expect(200),
      deleteHosts(organization, [...ids].reverse()).expect(200),
    ]);
    const deleted = results.flatMap(({ body }) => (body as { deleted: string[] }).deleted);
    expect(deleted.sort()).toEqual([...ids].sort());
  });
});
