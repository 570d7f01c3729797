import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT, FleetMap, Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createGetFleetMap } from '../src/services/inventory/index.js';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('the fleet map on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const readMap = async (organization: TestOrganization) =>
    FleetMap.parse((await organization.get(Paths.fleetMap).expect(200)).body);

  test('contains each host once, in the order of names, with its freshness, severity and number of unhealthy containers', async () => {
    const organization = await context.api.organization();
    const offline = await organization.enroll({ name: 'b-offline' });
    await offline.sync([container('a', { status: 'Up 1 minute (unhealthy)' }), container('b')]);
    context.api.clock.advance(3_600_000);
    const healthy = await organization.enroll({ name: 'a-healthy' });
    await healthy.sync([container('a')]);
    const never = await organization.enroll({ name: 'c-never' });
    expect(await readMap(organization)).toEqual({
      total: 3,
      ids: [healthy.id, offline.id, never.id],
      names: ['a-healthy', 'b-offline', 'c-never'],
      freshness: ['online', 'offline', 'never'],
      severity: [1, 5, 2],
      unhealthy: [0, 1, 0],
    });
  });

  test('of an organization without hosts is empty: it contains no deleted hosts and no hosts of other organizations', async () => {
    const [organization, other] = [await context.api.organization(), await context.api.organization()];
    await other.enroll();
    const deleted = await organization.enroll();
    await context.api.http
      .delete(`${Paths.hosts}/${deleted.id}`)
      .auth(organization.adminKey, { type: 'bearer' })
      .expect(204);
    const empty = { total: 0, ids: [], names: [], freshness: [], severity: [], unhealthy: [] };
    expect(await readMap(organization)).toEqual(empty);
  });

  test('can be read by viewers, and is revalidated with an ETag', async () => {
    const organization = await context.api.organization();
    await organization.enroll();
    const viewer = await context.api.apiKey(organization.id, 'viewer');
    const get = () => context.api.http.get(Paths.fleetMap).auth(viewer, { type: 'bearer' });
    const { headers } = await get().expect(200);
    await get().set('If-None-Match', headers['etag']!).expect(304);
  });

  test('of a fleet above the limit contains the first hosts and the total number of hosts', async () => {
    const organization = await context.api.organization();
    for (const name of ['c', 'a', 'b']) await organization.enroll({ name });
    const { db, clock } = context.api;
    const freshness = { now: clock(), cadence: CADENCE_DEFAULT, otherHeartbeats: [], outages: [] };
    const source = { db, freshnessContext: () => Promise.resolve(freshness) };
    const map = await createGetFleetMap(source, { hostsMax: 2 })(organization.id);
    expect([map.names, map.total]).toEqual([['a', 'b'], 3]);
  });
});
