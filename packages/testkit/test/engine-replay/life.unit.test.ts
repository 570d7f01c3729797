import { expect, test } from '@jest/globals';
import {
  ReplayedEngine,
  createLife,
  loadCapture,
  type CapturedEngine,
  type Role,
} from '../../src/engine-replay/index.js';
import { seededRandom } from '../../src/random.js';

const ROLES: Role[] = [
  { name: 'web', behavior: 'steady', ports: [{ privatePort: 80, publicPort: 8080 }] },
  { name: 'worker', behavior: 'crashing' },
  { name: 'api', behavior: 'flapping', hasHealthCheck: true },
  { name: 'shop', behavior: 'redeployed' },
  { name: 'backup', behavior: 'batch' },
  { name: 'cache', behavior: 'handled' },
];

async function runEngine(capturedEngine: CapturedEngine, seed: number, minutes: number) {
  let nowMs = 1_000_000;
  const engine = new ReplayedEngine(await loadCapture(capturedEngine), {
    nowMs: () => nowMs,
    random: seededRandom(seed),
  });
  const history: string[] = [];
  engine.on('event', ({ action, name, id, exitCode, atMs }) =>
    history.push([action, name, id, exitCode, atMs].join(' ')),
  );
  const advance = createLife(engine, ROLES, { seed, nowMs });
  for (const end = nowMs + minutes * 60_000; nowMs < end; nowMs += 500) advance(nowMs);
  return { engine, history };
}

test('equal seeds give equal histories, and different seeds give different histories', async () => {
  const { history } = await runEngine('docker-28.5', 1, 10);
  expect((await runEngine('docker-28.5', 1, 10)).history).toEqual(history);
  expect((await runEngine('docker-28.5', 2, 10)).history).not.toEqual(history);
});

test.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])(
  '%s: containers undergo every kind of change within ten minutes',
  async (capturedEngine) => {
    const { engine, history } = await runEngine(capturedEngine, 3, 10);
    const actions = new Set(history.map((line) => line.split(/[ :]/)[0]));
    for (const action of ['create', 'start', 'die', 'kill', 'pause', 'unpause', 'health_status']) {
      expect(actions).toContain(action);
    }
    expect(actions).toContain(capturedEngine === 'docker-28.5' ? 'destroy' : 'remove');
    expect(new Set(engine.list(true).map(({ Names }) => String(Names))).size).toBe(ROLES.length);
  },
);

test('a redeployed container keeps its name and gets a new id', async () => {
  const { history } = await runEngine('docker-28.5', 4, 10);
  const ids = history.filter((line) => line.startsWith('create shop')).map((line) => line.split(' ')[2]);
  expect(ids.length).toBeGreaterThan(3);
  expect(new Set(ids).size).toBe(ids.length);
});
