/** Tests the host events that are recorded in the transaction that makes the change. */
import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('events of hosts on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const hostPath = (hostId: string) => Paths.host.replace(':hostId', hostId);
  const patch = (organization: TestOrganization, hostId: string, body: object) =>
    context.api.http.patch(hostPath(hostId)).auth(organization.adminKey, { type: 'bearer' }).send(body).expect(200);
  const eventsOf = async (hostId: string) =>
    (
      await context.api.db.prisma.hostEvent.findMany({ where: { hostId }, orderBy: [{ tx: 'asc' }, { id: 'asc' }] })
    ).map(({ kind, from, to, at }) => [kind, from, to, at.toISOString()]);

  test('record the enrollment, a new name and new labels once', async () => {
    const organization = await context.api.organization();
    const at = context.api.clock().toISOString();
    const engineId = randomUUID();
    const host = await organization.enroll({ name: 'web-1', engineId });
    await patch(organization, host.id, { name: 'web-2', labels: { env: 'prod' } });
    await patch(organization, host.id, { name: 'web-2', labels: { env: 'prod' } });
    const changed = { hostIds: [host.id], set: { env: 'prod', site: 'fra' } };
    await context.api.http
      .post(Paths.hostLabelChanges)
      .auth(organization.adminKey, { type: 'bearer' })
      .send(changed)
      .expect(200);
    expect(await eventsOf(host.id)).toEqual([
      ['host_enrolled', null, { name: 'web-1', engineId }, at],
      ['host_renamed', { name: 'web-1' }, { name: 'web-2' }, at],
      ['labels_changed', { labels: {} }, { labels: { env: 'prod' } }, at],
      ['labels_changed', { labels: {} }, { labels: { site: 'fra' } }, at],
    ]);
  });

  test('record the departure of the agent and the next enrollment', async () => {
    const organization = await context.api.organization();
    const facts = { engineId: randomUUID(), name: 'web' };
    const host = await organization.enroll(facts);
    await host.sync([container('a')]);
    const leftAt = context.api.clock().toISOString();
    await context.api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    context.api.clock.advance(3_600_000);
    const at = context.api.clock().toISOString();
    await organization.enroll(facts, 200);
    expect((await eventsOf(host.id)).slice(1)).toEqual([
      ['host_left', null, null, leftAt],
      ['host_enrolled', { state: 'left', since: leftAt }, { name: 'web', engineId: facts.engineId, again: true }, at],
    ]);
    expect((await host.host()).endedSilences).toBeNull();
  });

  test('record when each problem began and ended, and the old and new version in an upgrade', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ agentVersion: '0.4.0' });
    const { clock } = context.api;
    const step = async (heartbeat: object) => {
      clock.advance(10_000);
      await host.beat({ digest: null, ...heartbeat }).expect(200);
      return clock().toISOString();
    };
    const problem = (code: string) => ({ code, message: `about ${code}` });
    const downAt = await step({ problems: [problem('engine_unreachable')] });
    await step({ problems: [{ code: 'engine_unreachable', message: 'in other words' }] });
    const refusedAt = await step({ problems: [problem('list_refused')] });
    clock.advance(10_000);
    const endedAt = clock().toISOString();
    await host.sync([container('a')]);
    const upgradedAt = await step({
      agentVersion: '0.5.0',
      engine: { name: 'Docker', version: '29.1.0', apiVersion: '1.52' },
    });
    await step({ agentVersion: '0.5.0' });
    const message = 'about engine_unreachable';
    expect((await eventsOf(host.id)).slice(1)).toEqual([
      ['engine_down', null, { code: 'engine_unreachable', message }, downAt],
      ['engine_up', { code: 'engine_unreachable', message: 'in other words', since: downAt }, null, refusedAt],
      ['problem_started', null, problem('list_refused'), refusedAt],
      ['problem_ended', { ...problem('list_refused'), since: refusedAt }, null, endedAt],
      ['agent_upgraded', { version: '0.4.0' }, { version: '0.5.0' }, upgradedAt],
      ['engine_upgraded', { name: 'Docker', version: '28.5.2' }, { name: 'Docker', version: '29.1.0' }, upgradedAt],
    ]);
  });

  test('record the end of a problem only after a report shows the end, even if the host was enrolled again', async () => {
    const organization = await context.api.organization();
    const { clock } = context.api;
    const engineId = randomUUID();
    const host = await organization.enroll({ engineId });
    await host.sync([container('a')]);
    const problems = [{ code: 'engine_unreachable', message: 'no answer' }];
    await host.beat({ digest: null, problems }).expect(200);
    clock.advance(60_000);
    const again = await organization.enroll({ engineId }, 200);
    clock.advance(1_000);
    await again.beat({ digest: null, problems }).expect(200);
    const kinds = async () => (await eventsOf(host.id)).map(([kind]) => kind);
    expect(await kinds()).toEqual(['host_enrolled', 'engine_down', 'host_enrolled']);
    clock.advance(10_000);
    await again.beat({ digest: null }).expect(200);
    expect(await kinds()).toEqual(['host_enrolled', 'engine_down', 'host_enrolled', 'engine_up']);
  });

  test('record no upgrade of an engine whose earlier version was unknown', async () => {
    const organization = await context.api.organization();
    const engine = { name: 'unknown', version: '', apiVersion: '' };
    const host = await organization.enroll({ engine });
    await host.beat({ digest: null, engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' } }).expect(200);
    await host.beat({ digest: null, engine: { name: 'Docker', version: '29.1.0', apiVersion: '1.52' } }).expect(200);
    expect((await eventsOf(host.id)).slice(1).map((values) => values.slice(0, 3))).toEqual([
      ['engine_upgraded', { name: 'Docker', version: '28.5.2' }, { name: 'Docker', version: '29.1.0' }],
    ]);
  });

  test('record a single problem for a clock whose skew varies around the limit', async () => {
    const host = await (await context.api.organization()).enroll();
    const { clock } = context.api;
    const kinds: string[] = [];
    for (const seconds of [59, 61, 59, 61, 51, 62, 50, 59]) {
      clock.advance(10_000);
      const sentAt = new Date(clock().getTime() + seconds * 1_000).toISOString();
      await host.beat({ digest: null, sentAt }).expect(200);
      const events = await eventsOf(host.id);
      kinds.push(`${seconds} ${events.at(-1)![0] as string} ${events.length}`);
    }
    expect(kinds).toEqual([
      '59 host_enrolled 1',
      ...['61', '59', '61', '51', '62'].map((seconds) => `${seconds} problem_started 2`),
      ...['50', '59'].map((seconds) => `${seconds} problem_ended 3`),
    ]);
  });

  test('contain only the labels that changed, and at most 8,192 characters of labels', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const key = (index: number) => `${'a.'.repeat(120)}a/${'k'.repeat(60)}${index}`;
    const labelsOf = (value: string) =>
      Object.fromEntries(Array.from({ length: 40 }, (_, index) => [key(index), value]));
    await patch(organization, host.id, { labels: labelsOf('1') });
    await patch(organization, host.id, { labels: { ...labelsOf('1'), [key(7)]: '2' } });
    const [, all, one] = await eventsOf(host.id);
    expect(JSON.stringify(all).length).toBeLessThan(10_000);
    const { labels, omittedLabels } = all![2] as { labels: object; omittedLabels: number };
    expect(Object.keys(labels).length + omittedLabels).toBe(40);
    expect(one!.slice(1, 3)).toEqual([{ labels: { [key(7)]: '1' } }, { labels: { [key(7)]: '2' } }]);
  });
});
