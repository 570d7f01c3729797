import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ContainerView, Paths, page } from '@muster/contracts';
import { z } from 'zod';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';
import { Muster } from '../support/muster.js';

/** The fields of the summary that these tests check. */
const Summary = z.object({
  hosts: z.object({ enrolled: z.int(), gone: z.int() }),
  mishaps: z.record(z.string(), z.int()),
  compared: z.object({ hosts: z.int(), containers: z.int(), removed: z.int(), events: z.int() }),
  differences: z.object({ count: z.int(), first: z.array(z.string()) }),
  passed: z.boolean(),
});

let dir: string;
let muster: Muster;
let simulator: Program | null = null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-simulate-test-'));
  muster = new Muster(dir, { MUSTER_SNAPSHOT_SECONDS: '2' });
  await muster.start();
});
afterEach(async () => {
  await simulator?.stop('SIGKILL');
  await muster.stop();
  await rm(dir, { recursive: true, force: true });
});

function simulate(url: string, flags: string): Program {
  // On a busy machine, the API may return 503, which these tests do not check.
  const args = `--json --allow-5xx ${flags}`.split(' ');
  return (simulator = startProgram(mainOf('simulate'), { args, env: { MUSTER_URL: url, MUSTER_KEY: muster.key } }));
}

test('after simulated network and agent failures, each container equals the last report of its host', async () => {
  const run = simulate(muster.url, '--hosts 20 --containers 10 --churn 0.3 --faults 20 --ramp 1s --duration 20s');
  const code = await run.ended;
  const summary = Summary.parse(JSON.parse(run.stdout()));
  expect(summary.differences).toEqual({ count: 0, first: [] });
  expect({ code, passed: summary.passed }).toEqual({ code: 0, passed: true });
  expect(summary.compared).toMatchObject({ hosts: 20, containers: 200 });
  expect(summary.compared.removed).toBeGreaterThan(0);
  // Each of the 200 containers has at least one event: its creation.
  expect(summary.compared.events).toBeGreaterThan(200);
  for (const mishap of [
    'answer lost',
    'sent twice',
    'sent late',
    'agent restarted',
    'network failed',
    'token rotated',
  ]) {
    expect(summary.mishaps[mishap]).toBeGreaterThan(0);
  }
  expect(run.stderr()).toMatch(/^ +\d+ s {2}running · \d+\/20 hosts · \d+ snapshots\/s · .* · cadence 1\/2 s$/m);
  expect(await muster.hosts()).toEqual([]);
});

test('a container that is missing from the API’s response is detected, even in an interrupted run', async () => {
  const proxy = await startOmittingProxy(muster.url);
  try {
    const run = simulate(proxy.url, '--hosts 3 --containers 4 --churn 0 --faults 0 --ramp 0s --duration 5m --keep');
    await eventually(async () => {
      const counts = (await muster.hosts()).map(({ containerCount }) => containerCount);
      expect(counts).toEqual([4, 4, 4]);
    });
    expect(await run.stop('SIGINT')).toBe(1);
    const summary = Summary.parse(JSON.parse(run.stdout()));
    expect(summary.differences).toEqual({ count: 1, first: [expect.stringMatching(/ was sent but is not present$/)] });
    expect(summary.differences.first[0]).toContain(proxy.omittedName());
    expect(summary.passed).toBe(false);
    expect(run.stderr()).toContain('FAILED.');
    expect((await muster.hosts()).map(({ name }) => name).sort()).toEqual(['sim-1-1', 'sim-1-2', 'sim-1-3']);
  } finally {
    proxy.close();
  }
});

/**
 * Starts a proxy of the API that omits the first container of each list. `omittedName` returns the name of the last
 * omitted container.
 */
async function startOmittingProxy(
  url: string,
): Promise<{ url: string; omittedName: () => string; close: () => Server }> {
  let omittedName = '';
  const server = createServer((req, res) => {
    void (async () => {
      const body = await new Response(req).arrayBuffer();
      const headers = Object.entries(req.headers).filter(
        (header): header is [string, string] =>
          typeof header[1] === 'string' && !['host', 'connection', 'content-length'].includes(header[0]),
      );
      const init = { method: req.method!, headers, ...(body.byteLength > 0 ? { body } : {}) };
      const answer = await fetch(url + req.url!, init);
      let text = await answer.text();
      if (req.method === 'GET' && req.url!.startsWith(Paths.containers)) {
        const { items, nextCursor } = page(ContainerView).parse(JSON.parse(text));
        omittedName = items[0]!.name;
        text = JSON.stringify({ items: items.slice(1), nextCursor });
      }
      res.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, omittedName: () => omittedName, close: () => server.close() };
}
