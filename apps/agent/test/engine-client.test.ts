import { afterEach, describe, expect, test } from '@jest/globals';
import { startReplayedEngine, type Flavour } from '@muster/testkit/engine-replay';
import { EngineAddress } from '../src/engine/address.js';
import { negotiateApiVersion } from '../src/engine/api-version.js';
import { createEngineClient, type EngineClient } from '../src/engine/client.js';
import { WATCHED_ACTIONS, parseEvent, parseEvents } from '../src/engine/event-stream.js';
import { toMachineFacts } from '../src/engine/identity.js';
import { InfoReply, VersionReply } from '../src/engine/shapes.js';

const never = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open(
  flavour: Flavour,
  apiVersion: string | null = null,
): Promise<{ client: EngineClient; replay: Awaited<ReturnType<typeof startReplayedEngine>> }> {
  const replay = await startReplayedEngine({ flavour, listen: { port: 0 }, seed: 1 });
  const label = replay.server.dockerHost;
  const client = createEngineClient({
    address: EngineAddress.parse(label),
    apiVersion,
    timeouts: { pingMs: 300, callMs: 300 },
  });
  closers.push(
    () => client.close(),
    () => replay.close(),
  );
  return { client, replay };
}

test.each([
  ['1.41', '1.41'],
  ['1.52', '1.52'],
  ['1.55', '1.52'],
  ['2.0', '1.52'],
  ['odd', 'odd'],
])('an engine that offers API %s is called with API %s', (offered, spoken) => {
  expect(negotiateApiVersion(offered)).toBe(spoken);
});

describe('an engine client', () => {
  test('works over TCP and with a configured API version', async () => {
    const { client } = await open('docker-28.5', '1.40');
    expect(await client.listContainers(never)).toHaveLength(24);
  });

  test('includes the engine’s message about a refused API version in the error', async () => {
    const { client } = await open('docker-28.5', '1.99');
    await expect(client.listContainers(never)).rejects.toMatchObject({
      failure: 'refused',
      status: 400,
      message: expect.stringContaining('client version 1.99 is too new'),
    });
  });

  test('times out if the engine does not answer', async () => {
    const { client, replay } = await open('docker-28.5');
    replay.server.setFault('list', { kind: 'hang' });
    await expect(client.listContainers(never)).rejects.toMatchObject({ failure: 'timeout' });
  });

  test('throws an error if the list is truncated', async () => {
    const { client, replay } = await open('podman-4.3');
    replay.server.setFault('list', { kind: 'truncate' });
    await expect(client.listContainers(never)).rejects.toMatchObject({ failure: 'malformed' });
    replay.server.setFault('list', { kind: 'reset' });
    await expect(client.listContainers(never)).rejects.toMatchObject({ failure: 'unreachable' });
  });

  test('returns null when it inspects a container that no longer exists', async () => {
    const { client } = await open('docker-28.5');
    expect(await client.inspectContainer('nosuch', never)).toBeNull();
  });
});

describe('engine events', () => {
  const line = (fields: object): string =>
    JSON.stringify({ Type: 'container', Action: 'start', Actor: { ID: 'a' }, ...fields });

  test('are parsed with and without the fields that Docker 1.52 dropped', () => {
    const old = { status: 'start', id: 'a', from: 'x' };
    expect(parseEvent(line(old))).toEqual({ Type: 'container', Action: 'start', Actor: { ID: 'a' } });
    expect(parseEvent(line({}))).toEqual({ Type: 'container', Action: 'start', Actor: { ID: 'a' } });
  });

  test.each([
    [''],
    ['not json'],
    ['null'],
    [line({ Type: 'network' })],
    [line({ Action: 'exec_create: /bin/true' })],
    [line({ Actor: {} })],
  ])('exclude the line %j', (text) => {
    expect(parseEvent(text)).toBeNull();
  });

  test('are parsed from chunks that split a character', async () => {
    const bytes = Buffer.from(
      `${line({ Action: 'die' })}\n${line({ Action: 'żółć' })}\n${line({ Action: 'cut off' })}`,
    );
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    }
    const actions: string[] = [];
    for await (const { Action } of parseEvents(pieces())) actions.push(Action);
    expect(actions).toEqual(['die', 'żółć']);
  });

  test('that the agent subscribes to include every change of every captured container', async () => {
    for (const flavour of ['docker-28.5', 'podman-4.3'] as const) {
      const { client, replay } = await open(flavour);
      const events = await client.openEvents(never);
      const { engine } = replay;
      const id = engine.create({ name: 'c', hasHealthCheck: true });
      const act = [
        () => engine.start(id),
        () => engine.setHealth(id, 'unhealthy'),
        () => engine.pause(id),
        () => engine.unpause(id),
        () => engine.rename(id, 'd'),
        () => engine.die(id, 1),
        () => engine.remove(id),
      ];
      const seen: string[] = [];
      for await (const { Action } of events) {
        seen.push(Action);
        const next = act.shift();
        if (next === undefined) break;
        next();
      }
      expect(seen.filter((action) => action.startsWith('exec'))).toEqual([]);
      expect(seen.length).toBeGreaterThanOrEqual(8);
    }
  });

  test('with an exec_* action are excluded from the subscription', () => {
    expect(WATCHED_ACTIONS.filter((action) => action.startsWith('exec'))).toEqual([]);
  });
});

describe('a machine’s identity', () => {
  const docker = VersionReply.parse({
    Version: '28.5.2',
    ApiVersion: '1.51',
    Os: 'linux',
    Arch: 'amd64',
    Components: [{ Name: 'Engine' }],
  });
  const podman = VersionReply.parse({ Version: '4.3.1', ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] });
  const info = (fields: object) =>
    InfoReply.parse({ Name: 'vm', OperatingSystem: 'Debian', DockerRootDir: '/d', ...fields });
  const machine = { hostname: 'h', machineId: 'f'.repeat(32) };

  test('is the id that Docker reports', () => {
    expect(toMachineFacts(docker, info({ ID: 'D1' }), machine)).toEqual({
      name: 'vm',
      engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
      os: 'Debian',
      arch: 'amd64',
      engineId: 'D1',
    });
  });

  test('is derived from the machine for Podman, which returns a new random id with each call', () => {
    const [one, two] = ['P1', 'P2'].map((ID) => toMachineFacts(podman, info({ ID }), machine).engineId);
    expect(one).toBe(two);
    expect(one).toMatch(/^machine-[0-9a-f]{32}$/);
    expect(one).not.toContain(machine.machineId);
  });

  test('differs between two engines on one machine', () => {
    const [rootful, rootless] = ['/var', '/home'].map(
      (DockerRootDir) => toMachineFacts(podman, info({ DockerRootDir }), machine).engineId,
    );
    expect(rootful).not.toBe(rootless);
  });

  test('is null if neither the engine nor the machine has an id', () => {
    expect(toMachineFacts(podman, null, { hostname: 'h', machineId: null })).toMatchObject({
      name: 'h',
      engineId: null,
    });
  });
});
