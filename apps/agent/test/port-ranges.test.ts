import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { PORTS_MAX, type Container } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';
import { ScriptedEngine } from './scripted-engine.js';

const RANGE = { privatePort: 16_384, publicPort: 16_384, type: 'udp', count: 16_384 };
const AS_RANGES = [
  { ip: '0.0.0.0', ...RANGE },
  { ip: '::', ...RANGE },
];

let fixture: Fixture;
let engine: ScriptedEngine;

beforeEach(async () => {
  fixture = await openFixture();
  engine = new ScriptedEngine();
  fixture.variables['DOCKER_HOST'] = await engine.listen();
  engine.set('turn');
  engine.list[0]!['Ports'] = ['0.0.0.0', '::'].flatMap((IP) =>
    Array.from({ length: 16_384 }, (_, i) => ({ IP, PrivatePort: 16_384 + i, PublicPort: 16_384 + i, Type: 'udp' })),
  );
});
afterEach(async () => {
  await fixture.close();
  await engine.close();
});

const lastContainer = (): Container => (fixture.muster.snapshots.at(-1)!.json as Container[])[0]!;

test('for an API that accepts ranges, 16,384 ports on IPv4 and IPv6 are two entries, even after a restart', async () => {
  fixture.muster.accepts = ['somethingElse', 'portRanges'];
  await fixture.once();
  expect(lastContainer()).toMatchObject({ ports: AS_RANGES });
  expect(lastContainer().truncated).toBeUndefined();
  const sent = fixture.muster.snapshots.length;
  await fixture.once();
  expect(fixture.muster.snapshots).toHaveLength(sent + 1);
  expect(lastContainer().ports).toEqual(AS_RANGES);
});

test('for an API that does not accept ranges, ports are single entries up to the limit and marked as truncated', async () => {
  await fixture.once();
  expect(fixture.muster.snapshots).toHaveLength(1);
  const { ports, truncated } = lastContainer();
  expect([ports.length, truncated]).toEqual([PORTS_MAX, ['ports']]);
  expect(ports[1]).toEqual({ ip: '0.0.0.0', privatePort: 16_385, publicPort: 16_385, type: 'udp' });
});

test('a running agent sends ranges after an upgrade of the API, and single ports after a downgrade', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
  fixture.run();
  await fixture.muster.until(() => fixture.muster.heartbeats.length > 0);
  expect(lastContainer().ports).toHaveLength(PORTS_MAX);
  fixture.muster.accepts = ['portRanges'];
  await fixture.muster.until(() => lastContainer().ports.length === 2);
  fixture.muster.accepts = null;
  await fixture.muster.until(() => lastContainer().ports.length === PORTS_MAX);
});

test('the form of the ports changes only once while old and new servers answer during a rolling upgrade', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 0.05, snapshotSeconds: 60 };
  fixture.muster.accepts = ['portRanges'];
  fixture.run();
  await fixture.muster.until(() => fixture.muster.heartbeats.length > 0);
  const rolling = setInterval(() => {
    fixture.muster.accepts = fixture.muster.accepts === null ? ['portRanges'] : null;
  }, 120);
  await fixture.muster.until(() => fixture.muster.heartbeats.length > 20);
  clearInterval(rolling);
  // The first snapshot is sent before the first response.
  const lengths = fixture.muster.snapshots.map(({ json }) => (json as Container[])[0]!.ports.length);
  const changes = lengths.filter((length, index) => index > 0 && length !== lengths[index - 1]);
  expect(changes).toEqual([2, PORTS_MAX]);
});
