import { describe, expect, test } from '@jest/globals';
import { CONTAINER_FIELD_NAMES, CONTAINER_FIELDS } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { gzipSync } from 'node:zlib';
import { BodyTooLargeError, InvalidRequestError, OverloadedError } from '../src/errors.js';
import { createContainerService, type SnapshotBody } from '../src/services/container.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';

describe.each(testEngines())('syncContainers on %s', (engine) => {
  const context = useApi(engine);
  const enroll = async () => (await context.api.organization()).enroll();
  const service = () => createContainerService(context.api.db, { now: context.api.clock });

  const plain = (value: unknown): SnapshotBody => ({ bytes: Buffer.from(JSON.stringify(value)), encoding: 'identity' });
  const zipped = (value: unknown): SnapshotBody => ({ bytes: gzipSync(JSON.stringify(value)), encoding: 'gzip' });

  test('stores the same rows whether the snapshot is an array, a body or a compressed body', async () => {
    const first = [container('a'), container('b')];
    const second = [container('a', { status: 'Up 6 minutes' }), container('c')];
    const results = [];
    for (const as of [(value: typeof first) => value, plain, zipped]) {
      const { id } = await enroll();
      const containers = service();
      const summaries = [];
      for (const snapshot of [first, first, second]) summaries.push(await containers.syncContainers(id, as(snapshot)));
      const rows = await context.api.db.prisma.container.findMany({
        where: { hostId: id },
        orderBy: { dockerId: 'asc' },
        omit: { hostId: true, organizationId: true },
      });
      results.push({ summaries: summaries.map((summary) => ({ ...summary, hostId: null })), rows });
    }
    expect(results[0]!.summaries).toMatchObject([
      { created: 2 },
      { unchanged: 2 },
      { created: 1, updated: 1, removed: 1 },
    ]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('reserves no memory for an ended request when it compares a new snapshot with the body of that request', async () => {
    const { id } = await enroll();
    const containers = service();
    let isOver = false;
    const reserve = () => (isOver ? Promise.reject(new OverloadedError()) : Promise.resolve());
    // A gzip stream of two members declares only the size of its last member.
    const first = { ...zipped([container('a')]), plainBytesMax: 1, reserve };
    await containers.syncContainers(id, first, { digest: 'first' });
    isOver = true;
    const second = zipped([container('a', { status: 'Up 6 minutes' })]);
    expect(await containers.syncContainers(id, second, { digest: 'second' })).toMatchObject({ updated: 1 });
  });

  test('stores each field in a column with the same name and SQL type', async () => {
    const types = CONTAINER_FIELD_NAMES.map((name) => CONTAINER_FIELDS[name].sqlType);
    const missing = await context.api.db.prisma.$queryRaw`
      SELECT name, type FROM unnest(${CONTAINER_FIELD_NAMES}::text[], ${types}::text[]) AS field (name, type)
      WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'containers'::regclass AND attname = name AND atttypid = type::regtype::oid)`;
    expect(missing).toEqual([]);
  });

  test('validates an array in the same way as a body', async () => {
    const { id } = await enroll();
    const twice = [container('a'), container('a')];
    for (const containers of [twice, plain(twice), zipped(twice)]) {
      const error: unknown = await service()
        .syncContainers(id, containers)
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect((error as InvalidRequestError).errors).toMatchObject([{ path: '/1/dockerId' }]);
    }
    const large = [container('a', { command: 'x'.repeat(11 * 1024 * 1024) })];
    for (const containers of [large, plain(large), zipped(large)]) {
      await expect(service().syncContainers(id, containers)).rejects.toBeInstanceOf(BodyTooLargeError);
    }
    expect(await context.api.db.prisma.container.count({ where: { hostId: id } })).toBe(0);
  });
});
