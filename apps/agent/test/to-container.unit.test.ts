import { describe, expect, test } from '@jest/globals';
import { Container, DOCKER_STATES, canonicalSnapshot, parseSnapshot, parseStatus } from '@muster/contracts';
import { loadCapture, type CapturedEngine } from '@muster/testkit/engine-replay';
import fc from 'fast-check';
import { snapshotText } from '../src/reporting/encode-snapshot.js';
import { ContainerList, InspectedContainer, ListedContainer } from '../src/engine/shapes.js';
import { decideExit } from '../src/engine/exit-reason.js';
import { NOT_INSPECTED, toContainer, toHealth, toInspected, toInstant } from '../src/engine/to-container.js';

const ID = 'a'.repeat(64);
const parseListed = (fields: object): ListedContainer =>
  ListedContainer.parse({ Id: ID, Names: ['/web'], Image: 'web:1', State: 'running', ...fields });
const convert = (fields: object): Container => toContainer(parseListed(fields), NOT_INSPECTED, null);

async function mapCapture(capturedEngine: CapturedEngine): Promise<Container[]> {
  const capture = await loadCapture(capturedEngine);
  return ContainerList.parse(capture.list).map((each) => {
    const inspected = toInspected(InspectedContainer.parse(capture.inspectById.get(each.Id)));
    const engine = { reportsStops: capturedEngine.startsWith('docker'), absences: [] };
    return toContainer(each, inspected, decideExit(inspected.run!, [], engine));
  });
}

const findByName = (containers: readonly Container[], name: string): Container =>
  containers.find((each) => each.name === name)!;

describe.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])('every captured container of %s', (capturedEngine) => {
  test('is converted to a container that the contract accepts unchanged', async () => {
    const containers = await mapCapture(capturedEngine);
    const parsed = parseSnapshot(JSON.parse(JSON.stringify(containers)));
    expect(parsed).toEqual({ success: true, data: containers.map((each) => Container.parse(each)) });
    expect(containers.map(({ state }) => state).filter((state) => !DOCKER_STATES.includes(state as never))).toEqual([]);
  });

  test('has the same bytes for any order of containers, ports and labels in the engine’s list', async () => {
    const containers = await mapCapture(capturedEngine);
    const reversed = containers
      .map((each) => ({
        ...each,
        ports: each.ports.toReversed(),
        labels: Object.fromEntries(Object.entries(each.labels).reverse()),
      }))
      .reverse();
    expect(snapshotText(reversed)).toBe(snapshotText(containers));
  });
});

test('Docker: a real container is converted exactly', async () => {
  const containers = await mapCapture('docker-28.5');
  expect(canonicalSnapshot([findByName(containers, 'h5-v6')])).toEqual([
    {
      dockerId: expect.stringMatching(/^8ce178f639d0/),
      name: 'h5-v6',
      image: 'h5/bb:1',
      imageId: expect.stringMatching(/^sha256:deda577c/),
      command: 'httpd -f -p 80 -h /www',
      state: 'running',
      status: 'Up 20 seconds',
      ports: [{ ip: '::', privatePort: 80, publicPort: 18086, type: 'tcp' }],
      labels: expect.objectContaining({ 'img.label': 'from-image' }),
      startedAt: '2026-11-23T19:31:33.280Z',
      oomKilled: false,
      restartCount: 0,
    },
  ]);
  expect(findByName(containers, 'h5-created').startedAt).toBeNull();
  expect(findByName(containers, 'h5-badcmd').startedAt).toBeNull();
  expect(parseStatus(findByName(containers, 'h5-killed').status).exitCode).toBe(137);
  expect(parseStatus(findByName(containers, 'h5-unhealthy').status).health).toBe('unhealthy');
  // A link adds the name "/h5-linker/db" before the container's own name.
  expect(findByName(containers, 'h5-linktarget').dockerId).toMatch(/^b264a4707a12/);
});

test('Podman: ports have no address, `stopped` becomes exited, and health comes from the inspection', async () => {
  const containers = await mapCapture('podman-4.3');
  expect(findByName(containers, 'shop-web-1').ports).toContainEqual({
    privatePort: 443,
    publicPort: 18443,
    type: 'tcp',
  });
  expect(findByName(containers, 'shop-web-1').ports).toContainEqual({
    ip: '127.0.0.1',
    privatePort: 80,
    publicPort: 18080,
    type: 'tcp',
  });
  const restarting = findByName(containers, 'h5-restarting');
  expect([restarting.state, parseStatus(restarting.status).exitCode]).toEqual(['exited', 7]);
  expect(findByName(containers, 'h5-starting').status).toBe('Up 31 seconds (health: starting)');
  expect(findByName(containers, 'h5-paused').status).toBe('Up 49 seconds (Paused)');
});

test('Docker 1.52: health that is also in the status text appears only once', () => {
  const status = 'Up 5 minutes (healthy)';
  expect(convert({ Status: status, Health: { Status: 'healthy', FailingStreak: 0 } }).status).toBe(status);
  expect(convert({ Status: 'Up 5 minutes', Health: { Status: 'none', FailingStreak: 0 } }).status).toBe('Up 5 minutes');
  expect(convert({ Status: 'Up 5 minutes', Health: { Status: 'unhealthy' } }).status).toBe('Up 5 minutes (unhealthy)');
  expect(convert({ State: 'exited', Status: 'Exited (0) 1 second ago', Health: { Status: 'unhealthy' } }).status).toBe(
    'Exited (0) 1 second ago',
  );
});

test.each([
  ['exited', 'Exited (0) 3 days ago', 'unhealthy'],
  ['paused', 'Up 3 days (Paused)', 'unhealthy'],
  ['restarting', 'Restarting (1) 2 seconds ago', 'starting'],
])('a container in the state %s has no health, regardless of its last health check', (State, Status, health) => {
  for (const fields of [
    { State, Status, Health: { Status: health, FailingStreak: 9 } },
    { State, Status },
  ]) {
    const { state, status } = toContainer(parseListed(fields), { ...NOT_INSPECTED, health: toHealth(health) }, null);
    expect([state, status, parseStatus(status).health]).toEqual([State, Status, null]);
  }
});

test.each([
  [['/web'], 'web'],
  [['/other/db', '/web'], 'web'],
  [['/k8s_app_pod-7c9_ns_uid_0'], 'k8s_app_pod-7c9_ns_uid_0'],
  [['/' + 'n'.repeat(253)], 'n'.repeat(253)],
  [['/other/db'], 'other/db'],
  [[], 'aaaaaaaaaaaa'],
  [null, 'aaaaaaaaaaaa'],
  [[''], 'aaaaaaaaaaaa'],
])('a container with the names %j has the name %s', (Names, name) => {
  expect(convert({ Names }).name).toBe(name);
});

test.each([
  ['Running', 'running'],
  ['stopped', 'exited'],
  ['configured', 'created'],
  ['initialized', 'created'],
  ['stopping', 'running'],
  ['', 'unknown'],
  [null, 'unknown'],
  ['constructor', 'constructor'],
])('the state %j becomes %s', (State, state) => {
  expect(convert({ State }).state).toBe(state);
});

test('a port of 0 is omitted, and a missing type becomes tcp', () => {
  const Ports = [
    { PrivatePort: 80, PublicPort: 0, Type: 'tcp', IP: '' },
    { PrivatePort: 0, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 53, Type: 'UDP' },
    { PrivatePort: 81, IP: '0.0.0.0', PublicPort: 81 },
    { PrivatePort: 82, Type: 'quic' },
    null,
  ];
  expect(convert({ Ports }).ports).toEqual([
    { privatePort: 53, type: 'udp' },
    { privatePort: 80, type: 'tcp' },
    { ip: '0.0.0.0', privatePort: 81, publicPort: 81, type: 'tcp' },
  ]);
});

test('a label with the value null becomes empty text, and a label may have the key `__proto__`', () => {
  const Labels = JSON.parse('{"__proto__":"x","a":null,"b":"\\u0000"}') as object;
  const { labels } = convert({ Labels });
  expect(Object.entries(labels)).toEqual([
    ['__proto__', 'x'],
    ['a', ''],
    ['b', '\ufffd'],
  ]);
  expect(convert({ Labels: null }).labels).toEqual({});
});

test('an image without a name has its id as its name', () => {
  expect(convert({ Image: '', ImageID: 'sha256:abc' }).image).toBe('sha256:abc');
  expect(convert({ Image: '', ImageID: '' })).toMatchObject({ image: '<none>', imageId: null });
});

test.each([
  ['2026-11-23T19:31:33.280539372Z', '2026-11-23T19:31:33.280Z'],
  ['2026-11-23T20:31:33+01:00', '2026-11-23T19:31:33.000Z'],
  ['2026-11-27T10:00:00.123456789+05:45', '2026-11-27T04:15:00.123Z'],
  ['2262-04-11T23:47:16Z', '2262-04-11T23:47:16.000Z'],
  ['0001-01-01T00:00:00Z', null],
  ['', null],
  ['yesterday', null],
])('the start time %j becomes %j', (text, startedAt) => {
  expect(toInstant(text)).toBe(startedAt);
});

test('the environment of a container is dropped when a response is parsed', async () => {
  const capture = await loadCapture('docker-28.5');
  for (const inspect of capture.inspectById.values()) {
    expect(JSON.stringify(InspectedContainer.parse(inspect))).not.toContain('PATH=');
  }
});

test('one container without a valid id makes the whole list invalid', () => {
  expect(ContainerList.safeParse([{ Id: ID }, { Names: ['/x'] }]).success).toBe(false);
  expect(ContainerList.safeParse([{ Id: ID }, null]).success).toBe(false);
  expect(ContainerList.safeParse({ message: 'no' }).success).toBe(false);
});

const arbitraryText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3_000 }),
  fc.string(),
  fc.constant('\ud800'),
  fc.constant('a\0b'),
);
const arbitraryValue = fc.oneof(
  arbitraryText,
  fc.integer(),
  fc.constant(null),
  fc.constant(undefined),
  fc.array(fc.anything()),
  fc.object(),
);
const arbitraryPort = fc.record({
  IP: arbitraryValue,
  PrivatePort: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.double(), arbitraryValue),
  PublicPort: fc.oneof(fc.integer({ min: -1, max: 70_000 }), arbitraryValue),
  Type: fc.oneof(fc.constantFrom('tcp', 'UDP', 'sctp', 'quic'), arbitraryValue),
});

test('any container of an engine is converted to a container with canonical bytes that the contract accepts', () => {
  fc.assert(
    fc.property(
      fc.record({
        Id: fc.constant(ID),
        Names: fc.oneof(fc.array(arbitraryText), arbitraryValue),
        Image: arbitraryValue,
        ImageID: arbitraryValue,
        Command: arbitraryValue,
        State: arbitraryValue,
        Status: fc.oneof(arbitraryValue, fc.constant('Up 3 days')),
        Ports: fc.oneof(fc.array(fc.oneof(arbitraryPort, arbitraryValue)), arbitraryValue),
        Labels: fc.oneof(fc.dictionary(arbitraryText, arbitraryValue), arbitraryValue),
        Health: fc.oneof(fc.record({ Status: fc.constantFrom('none', 'healthy', 'starting', 'odd') }), arbitraryValue),
      }),
      fc.constantFrom('healthy' as const, null),
      (reply, health) => {
        const container = toContainer(ListedContainer.parse(reply), { ...NOT_INSPECTED, health }, null);
        const wireFormat = JSON.parse(snapshotText([container])) as unknown[];
        expect(Container.safeParse(wireFormat[0]).error?.issues).toBeUndefined();
        expect(snapshotText([Container.parse(wireFormat[0])])).toBe(snapshotText([container]));
      },
    ),
    { numRuns: 500 },
  );
});
