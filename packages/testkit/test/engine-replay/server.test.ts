import { afterEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../src/child-process.js';
import { startReplayedEngine, type CapturedEngine } from '../../src/engine-replay/index.js';

type StartedEngine = Awaited<ReturnType<typeof startReplayedEngine>>;
let running: StartedEngine[] = [];

afterEach(async () => {
  await Promise.all(running.map((each) => each.close()));
  running = [];
});

async function start(capturedEngine: CapturedEngine) {
  const started = await startReplayedEngine({ capturedEngine, listen: { port: 0 }, seed: 1 });
  running.push(started);
  return { ...started, base: started.server.dockerHost.replace('tcp:', 'http:') };
}

/** Returns the actions of the events that are emitted while `act` runs. */
async function actionsDuring(base: string, filters: object, act: () => void, count: number): Promise<string[]> {
  const stop = new AbortController();
  const response = await fetch(`${base}/events?filters=${encodeURIComponent(JSON.stringify(filters))}`, {
    signal: stop.signal,
  });
  act();
  const actions: string[] = [];
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    for (const line of decoder.decode(chunk).split('\n').filter(Boolean))
      actions.push((JSON.parse(line) as { Action: string }).Action);
    if (actions.length >= count) break;
  }
  stop.abort();
  return actions;
}

describe.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])('%s over HTTP', (capturedEngine) => {
  test('responds to ping, version, info, list and inspect, with or without a version in the path', async () => {
    const { base, engine } = await start(capturedEngine);
    const ping = await fetch(`${base}/_ping`);
    expect([ping.status, ping.headers.get('api-version')]).toEqual([200, engine.capture.version.ApiVersion]);
    expect(await (await fetch(`${base}/v1.41/version`)).json()).toEqual(engine.capture.version);
    expect(await (await fetch(`${base}/info`)).json()).toEqual(engine.capture.info);
    const list = (await (await fetch(`${base}/containers/json?all=1`)).json()) as { Id: string }[];
    expect(list).toHaveLength(engine.capture.list.length);
    expect((await fetch(`${base}/containers/${list[0]!.Id}/json`)).status).toBe(200);
    expect((await fetch(`${base}/containers/nosuch/json`)).status).toBe(404);
  });

  test('rejects (Docker) or accepts (Podman) a version that is too new, like the real engine', async () => {
    const { base } = await start(capturedEngine);
    expect((await fetch(`${base}/v1.99/containers/json`)).status).toBe(capturedEngine === 'docker-28.5' ? 400 : 200);
  });

  test('emits only events that match the filter, with the same names as the real engine', async () => {
    const { base, engine } = await start(capturedEngine);
    const id = engine.idOf('shop-web-1')!;
    const filters = { type: ['container'], event: ['start', 'die', 'died', 'pause', 'health_status'] };
    const actions = await actionsDuring(
      base,
      filters,
      () => {
        engine.pause(id);
        engine.unpause(id);
        engine.setHealth(id, 'unhealthy');
        engine.die(id, 1);
      },
      3,
    );
    const health = capturedEngine === 'docker-28.5' ? 'health_status: unhealthy' : 'health_status';
    expect(actions).toEqual(['pause', health, 'die']);
  });
});

test('after setFault, the calls of a route fail in the requested way', async () => {
  const { base, server } = await start('docker-28.5');
  server.setFault('list', { kind: 'status', status: 500 });
  expect((await fetch(`${base}/containers/json`)).status).toBe(500);
  server.setFault('list', { kind: 'truncate' });
  await expect((await fetch(`${base}/containers/json`)).json()).rejects.toThrow();
  server.setFault('list', { kind: 'reset' });
  await expect(fetch(`${base}/containers/json`).then((response) => response.text())).rejects.toThrow();
  server.setFault('list', { kind: 'hang' });
  const abort = new AbortController();
  const hanging = expect(fetch(`${base}/containers/json`, { signal: abort.signal })).rejects.toThrow();
  await eventually(() => expect(server.calls.list).toBe(4));
  await new Promise((resolve) => setTimeout(resolve, 100));
  abort.abort();
  await hanging;
  server.setFault('list', null);
  expect((await fetch(`${base}/containers/json`)).status).toBe(200);
  expect(server.calls.list).toBe(5);
});
