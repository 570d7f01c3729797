import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startReplayedEngine, type CapturedEngine } from '@muster/testkit/engine-replay';
import { EngineAddress } from '../src/engine/address.js';
import { createEngineClient, type EngineClient } from '../src/engine/client.js';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WATCHED_ACTIONS, parseEvent, parseEvents } from '../src/engine/event-stream.js';

const neverAborted = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open(
  capturedEngine: CapturedEngine,
  apiVersion: string | null = null,
  listTimeoutMs = 60_000,
): Promise<{ client: EngineClient; replay: Awaited<ReturnType<typeof startReplayedEngine>> }> {
  const replay = await startReplayedEngine({ capturedEngine, listen: { port: 0 }, seed: 1 });
  const label = replay.server.dockerHost;
  const client = createEngineClient({
    address: EngineAddress.parse(label),
    apiVersion,
    // Calls that an idle engine answers at once can take long on a busy machine.
    timeouts: { pingMs: 60_000, callMs: 60_000 },
    listTimeoutMs,
  });
  closers.push(
    () => client.close(),
    () => replay.close(),
  );
  return { client, replay };
}

describe('an engine client', () => {
  test('works over TCP and with a configured API version', async () => {
    const { client } = await open('docker-28.5', '1.40');
    expect(await client.listContainers(neverAborted)).toHaveLength(24);
  });

  test('throws an error with the engine’s message if the engine refuses the API version', async () => {
    const { client } = await open('docker-28.5', '1.99');
    await expect(client.listContainers(neverAborted)).rejects.toMatchObject({
      failure: 'refused',
      status: 400,
      message: expect.stringContaining('client version 1.99 is too new'),
    });
  });

  test('times out if the engine does not answer', async () => {
    const { client, replay } = await open('docker-28.5', null, 300);
    replay.server.setFault('list', { kind: 'hang' });
    await expect(client.listContainers(neverAborted)).rejects.toMatchObject({
      failure: 'timeout',
      message: expect.stringMatching(
        /did not answer within 0.3 s \(the next list may take 0.6 s; MUSTER_ENGINE_TIMEOUT/,
      ),
    });
  });

  test('throws an error if the list is truncated or the connection is reset', async () => {
    const { client, replay } = await open('podman-4.3');
    replay.server.setFault('list', { kind: 'truncate' });
    await expect(client.listContainers(neverAborted)).rejects.toMatchObject({ failure: 'malformed' });
    replay.server.setFault('list', { kind: 'reset' });
    await expect(client.listContainers(neverAborted)).rejects.toMatchObject({ failure: 'unreachable' });
  });

  test('returns null when it inspects a container that no longer exists', async () => {
    const { client } = await open('docker-28.5');
    expect(await client.inspectContainer('nosuch', neverAborted)).toBeNull();
  });
});

describe('a directory at the path of the engine’s socket', () => {
  test('is reported as the cause, because Docker creates a directory if a bind mount’s source is missing', async () => {
    const path = await mkdtemp(join(tmpdir(), 'muster-socket-'));
    closers.push(() => rm(path, { recursive: true }));
    const client = createEngineClient({ address: EngineAddress.parse(`unix://${path}`), apiVersion: null });
    await expect(client.listContainers(neverAborted)).rejects.toMatchObject({
      failure: 'unreachable',
      message: expect.stringContaining(`${path} is a directory; Docker creates one`),
    });
    client.close();
  });
});

describe('the version of the engine’s API', () => {
  /** The paths of all requests, with their versions. */
  let paths: string[];
  let engineVersions: { min: number; max: number; isInPing: boolean };
  let areListsRefused: boolean;
  let address: EngineAddress;
  beforeEach(async () => {
    paths = [];
    engineVersions = { min: 24, max: 41, isInPing: true };
    areListsRefused = false;
    const server = createServer((request, response) => {
      const path = request.url!.split('?')[0]!;
      paths.push(path);
      const { min, max, isInPing } = engineVersions;
      if (path !== '/_ping' || isInPing) response.setHeader('Api-Version', `1.${max}`);
      const minor = Number(/^\/v1\.(\d+)/.exec(path)?.[1] ?? max);
      if (areListsRefused && path !== '/_ping') return void response.writeHead(400).end();
      if (minor >= min && minor <= max) return void response.end('[]');
      response.writeHead(400).end(JSON.stringify({ message: `client version 1.${minor} is too old or too new` }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    address = EngineAddress.parse(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });

  const openClient = (apiVersion: string | null): EngineClient => {
    const client = createEngineClient({ address, apiVersion, timeouts: { pingMs: 60_000, callMs: 60_000 } });
    closers.push(() => client.close());
    return client;
  };

  test('is negotiated once', async () => {
    const client = openClient(null);
    await client.listContainers(neverAborted);
    await client.listContainers(neverAborted);
    expect(paths).toEqual(['/_ping', '/v1.41/containers/json', '/v1.41/containers/json']);
  });

  test('is negotiated again, without a failed call, after an upgrade of the engine', async () => {
    const client = openClient(null);
    await client.listContainers(neverAborted);
    engineVersions = { min: 44, max: 52, isInPing: true };
    paths = [];
    await expect(client.listContainers(neverAborted)).resolves.toEqual([]);
    expect(paths).toEqual(['/v1.41/containers/json', '/_ping', '/v1.52/containers/json']);
  });

  test('changes after an upgrade even if the engine still accepts the earlier version', async () => {
    const client = openClient(null);
    await client.listContainers(neverAborted);
    engineVersions = { min: 24, max: 47, isInPing: true };
    await client.listContainers(neverAborted);
    paths = [];
    await client.listContainers(neverAborted);
    expect(paths).toEqual(['/_ping', '/v1.47/containers/json']);
  });

  test('is not negotiated again if the engine refuses the list for another reason', async () => {
    const client = openClient(null);
    areListsRefused = true;
    for (let attempt = 0; attempt < 2; attempt++) {
      paths = [];
      await expect(client.listContainers(neverAborted)).rejects.toMatchObject({ failure: 'refused', status: 400 });
      expect(paths).toEqual(['/_ping', '/v1.41/containers/json']);
    }
  });

  test('is omitted from the paths if the engine’s ping does not contain a version', async () => {
    engineVersions = { min: 24, max: 41, isInPing: false };
    const client = openClient(null);
    await expect(client.listContainers(neverAborted)).resolves.toEqual([]);
    expect(paths).toEqual(['/_ping', '/containers/json']);
  });

  test('is always the value of DOCKER_API_VERSION, even if the engine refuses this version', async () => {
    engineVersions = { min: 44, max: 52, isInPing: true };
    await expect(openClient('1.41').listContainers(neverAborted)).rejects.toMatchObject({
      failure: 'refused',
      status: 400,
      message: expect.stringContaining('client version 1.41 is too old'),
    });
    expect(paths).toEqual(['/v1.41/containers/json']);
  });
});

describe('engine events', () => {
  const line = (fields: object): string =>
    JSON.stringify({ Type: 'container', Action: 'start', Actor: { ID: 'a' }, ...fields });

  test('are parsed even without the fields that API version 1.52 dropped', () => {
    const old = { status: 'start', id: 'a', from: 'x' };
    const expected = { Type: 'container', Action: 'start', Actor: { ID: 'a', Attributes: {} }, time: 0, timeNano: 0 };
    expect(parseEvent(line(old))).toEqual(expected);
    expect(parseEvent(line({}))).toEqual(expected);
  });

  test.each([
    [''],
    ['not json'],
    ['null'],
    [line({ Type: 'network' })],
    [line({ Action: 'exec_create: /bin/true' })],
    [line({ Actor: {} })],
  ])('are not parsed from the line %j', (text) => {
    expect(parseEvent(text)).toBeNull();
  });

  test('are parsed from chunks that split a character', async () => {
    const bytes = Buffer.from(
      `${line({ Action: 'die' })}\n${line({ Action: 'żółć' })}\n${line({ Action: 'cut off' })}`,
    );
    async function* splitChunks() {
      for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
    }
    const actions: string[] = [];
    for await (const { Action } of parseEvents(splitChunks())) actions.push(Action);
    expect(actions).toEqual(['die', 'żółć']);
  });

  test('report every change of a container on each captured engine', async () => {
    for (const capturedEngine of ['docker-28.5', 'podman-4.3'] as const) {
      const { client, replay } = await open(capturedEngine);
      const events = await client.openEvents(neverAborted);
      const { engine } = replay;
      const id = engine.create({ name: 'c', hasHealthCheck: true });
      const changes = [
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
        const next = changes.shift();
        if (next === undefined) break;
        next();
      }
      expect(seen.filter((action) => action.startsWith('exec'))).toEqual([]);
      expect(seen.length).toBeGreaterThanOrEqual(8);
    }
  });

  test('are not requested for exec_* actions', () => {
    expect(WATCHED_ACTIONS.filter((action) => action.startsWith('exec'))).toEqual([]);
  });
});
