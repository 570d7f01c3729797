import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Container } from '@muster/contracts';
import { openFixture, type Fixture } from './fixture.js';

/** The paths of all calls that the agent is allowed to make to an engine, without the API version. */
const ALLOWED = [
  /^\/_ping$/,
  /^\/version$/,
  /^\/info$/,
  /^\/containers\/json$/,
  /^\/containers\/[^/]+\/json$/,
  /^\/events$/,
];

let fixture: Fixture;
let proxy: Server;
let refusedCalls: string[];
let usedRules: Set<string>;

beforeEach(async () => {
  fixture = await openFixture();
  refusedCalls = [];
  usedRules = new Set();
  const socketPath = fixture.variables['DOCKER_HOST']!.replace('unix://', '');
  // The strictest possible socket proxy: it allows only the calls in `ALLOWED`.
  proxy = createServer((from, to) => {
    const path = from.url!.split('?')[0]!.replace(/^\/v\d+\.\d+/, '');
    const rule = ALLOWED.find((pattern) => pattern.test(path));
    if (from.method !== 'GET' || rule === undefined) {
      refusedCalls.push(`${from.method} ${from.url}`);
      to.writeHead(403).end();
      return;
    }
    usedRules.add(rule.source);
    const onward = request({ socketPath, path: from.url!, method: 'GET', headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode!, answer.headers);
      to.flushHeaders();
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => onward.destroy());
    onward.end();
  });
  await new Promise<void>((resolve) => proxy.listen(join(fixture.dir, 'proxy.sock'), resolve));
});
afterEach(async () => {
  await fixture.stopAll();
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await fixture.close();
});

test('the agent needs only six read calls of an engine’s API, and tries a seventh call once for each image', async () => {
  fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.3 };
  fixture.run({ DOCKER_HOST: `unix://${join(fixture.dir, 'proxy.sock')}` });
  await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
  fixture.engine.stop(fixture.engine.idOf('h5-healthy')!);
  const isExited = (): boolean =>
    (fixture.muster.snapshots.at(-1)!.json as Container[]).some(
      ({ name, state }) => name === 'h5-healthy' && state === 'exited',
    );
  await fixture.muster.until(isExited);
  await fixture.muster.until(() => fixture.muster.heartbeats.length > 1);
  const imageIds = new Set(fixture.engine.capture.list.map(({ ImageID }) => ImageID));
  expect(refusedCalls.map((call) => /^GET \/v[\d.]+\/images\/(.*)\/json$/.exec(call)?.[1]).sort()).toEqual(
    [...imageIds].sort(),
  );
  expect(usedRules.size).toBe(ALLOWED.length);
});

test('a container’s environment never leaves the machine', async () => {
  const secret = 'DB_PASSWORD=kept-by-the-engine';
  // The captured replies contain no environment, so the test adds one.
  for (const inspect of fixture.engine.capture.inspectById.values()) {
    (inspect as { Config?: object })['Config'] = { ...(inspect['Config'] as object), Env: [secret] };
  }
  const socketPath = fixture.variables['DOCKER_HOST']!.replace('unix://', '');
  const answer = await new Promise<IncomingMessage>((resolve) => {
    request({ socketPath, path: `/containers/${fixture.engine.idOf('h5-healthy')}/json` }, resolve).end();
  });
  expect(await text(answer)).toContain(secret);
  await fixture.once();
  expect(JSON.stringify(fixture.muster.receivedRequests.map(({ json, headers }) => [json, headers]))).not.toContain(
    'kept-by',
  );
});
