import { describe, expect, test } from '@jest/globals';
import { MUSTER_VERSION, Paths, System } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createReplicaRecord } from '../src/services/system/index.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('/api/system on %s', (engine) => {
  const context = useApi(engine);
  const read = async (organization: TestOrganization) =>
    System.parse((await organization.get(Paths.system).expect(200)).body);

  test('states the version of the server and of its database', async () => {
    const system = await read(await context.api.organization());
    expect(system.version).toBe(MUSTER_VERSION);
    expect(system.database).toEqual({
      kind: engine === 'pglite' ? 'embedded' : 'postgresql',
      version: expect.stringMatching(/^\d+\.\d+$/),
    });
  });

  test('lists the processes that recorded themselves within a minute, and no process that was stopped', async () => {
    const { api } = context;
    const { db, clock } = api;
    const organization = await api.organization();
    const old = createReplicaRecord(db, { version: '0.2.9', parserVersion: '2', now: clock });
    await old.record();
    clock.advance(50_000);
    const recent = createReplicaRecord(db, { version: '0.3.0', parserVersion: '3', now: clock });
    await recent.record();
    const versions = async () => (await read(organization)).replicas.map(({ version }) => version);
    expect(await versions()).toEqual(['0.2.9', '0.3.0']);
    clock.advance(recent.intervalMs);
    await recent.record();
    expect(await versions()).toEqual(['0.3.0']);
    await recent.remove();
    expect(await versions()).toEqual([]);
    clock.advance(24 * 3_600_000);
    await recent.record();
    expect(await db.prisma.replica.count()).toBe(1);
  });
});

describe('the version', () => {
  const context = useApi('pglite');

  test('is in the liveness check and in the metrics', async () => {
    const { http } = context.api;
    expect((await http.get(Paths.health).expect(200)).body).toEqual({ status: 'ok', version: MUSTER_VERSION });
    const { text } = await http.get(Paths.metrics).expect(200);
    expect(text).toContain(`muster_build_info{version="${MUSTER_VERSION}"} 1\n`);
  });
});
