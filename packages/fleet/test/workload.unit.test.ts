import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { canonicalSnapshot, parseSnapshot, parseStatus } from '@muster/contracts';
import { headOf } from '../src/load/connection.js';
import { createFleet, type FleetShape } from '../src/load/host.js';
import {
  advance,
  NO_PROGRESS,
  simulateHost,
  touchesOf,
  touchesOfPercent,
  type HostShape,
} from '../src/model/workload.js';
import { generationOf } from '../src/model/numbered-snapshots.js';

const SHAPE: HostShape = { seed: 1, index: 0, containers: 50, mix: 'varied' };
const running: HostShape = { ...SHAPE, mix: 'running' };

describe('in the workload', () => {
  test('equal seeds give equal snapshots, and other seeds or hosts give other snapshots', () => {
    const progress = advance(NO_PROGRESS, 'restarted', 7);
    const snapshot = simulateHost(SHAPE).snapshot(progress);
    expect(simulateHost(SHAPE, { remember: false }).snapshot(progress)).toEqual(snapshot);
    expect(simulateHost({ ...SHAPE, seed: 2 }).snapshot(progress)).not.toEqual(snapshot);
    expect(simulateHost({ ...SHAPE, index: 1 }).snapshot(progress)).not.toEqual(snapshot);
  });

  test('every snapshot is valid and, except for its order, canonical', () => {
    for (let index = 0; index < 20; index++) {
      const snapshot = simulateHost({ ...SHAPE, index }).snapshot(advance(NO_PROGRESS, 'aged', 13));
      const parsed = parseSnapshot(JSON.parse(JSON.stringify(snapshot)));
      expect(parsed).toMatchObject({ success: true });
      if (parsed.success) expect(canonicalSnapshot(parsed.data)).toEqual(canonicalSnapshot(snapshot));
    }
  });

  test.each([
    { kind: 'aged' as const, fields: ['status'] },
    { kind: 'restarted' as const, fields: ['restartCount', 'startedAt', 'status'] },
  ])('a change of kind $kind changes the given number of containers, and only $fields', ({ kind, fields }) => {
    const host = simulateHost(running);
    let progress = NO_PROGRESS;
    for (let i = 0; i < 120; i++) {
      const before = host.snapshot(progress);
      progress = advance(progress, kind, 3);
      const changed = host.snapshot(progress).flatMap((container, place) => {
        const old = before[place]!;
        const differing = Object.keys(old).filter(
          (field) =>
            JSON.stringify(old[field as keyof typeof old]) !== JSON.stringify(container[field as keyof typeof old]),
        );
        return differing.length === 0 ? [] : [differing.sort()];
      });
      expect(changed).toEqual([fields, fields, fields]);
    }
  });

  test('no container changes twice before all containers have changed once', () => {
    const counts = (touches: number) => [0, 1, 2].map((place) => touchesOf(touches, place, 3));
    expect(counts(0)).toEqual([0, 0, 0]);
    expect(counts(4)).toEqual([2, 1, 1]);
    expect(counts(6)).toEqual([2, 2, 2]);
  });

  test('a change of 0 % changes no container, and any larger change at least one container', () => {
    expect([touchesOfPercent(0, 50), touchesOfPercent(2, 10), touchesOfPercent(2, 200)]).toEqual([0, 1, 4]);
  });

  test('a varied fleet has the state distribution of a real fleet', () => {
    const containers = Array.from({ length: 100 }, (_, index) =>
      simulateHost({ ...SHAPE, index }).snapshot(NO_PROGRESS),
    ).flat();
    const share = (of: (container: (typeof containers)[number]) => boolean) =>
      containers.filter(of).length / containers.length;
    expect(share(({ state }) => state === 'running')).toBeCloseTo(0.85, 1);
    expect(share(({ state }) => state === 'exited')).toBeCloseTo(0.12, 1);
    expect(share(({ status }) => parseStatus(status).health === 'unhealthy')).toBeCloseTo(0.01, 2);
    expect(new Set(containers.map(({ name }) => name)).size).toBeGreaterThan(1_500);
    expect(new Set(containers.map(({ image }) => image)).size).toBeGreaterThan(150);
  });
});

describe('in the requests of a fleet', () => {
  const shape: FleetShape = {
    ...{ content: 'workload', hosts: [{ id: 'host', token: 'token' }] },
    ...{ seed: 1, containers: 7, mix: 'running' },
  };

  test('a body with a replaced container equals the newly encoded snapshot', () => {
    const [host] = createFleet(shape);
    const simulated = simulateHost({ seed: 1, index: 0, containers: 7, mix: 'running' });
    host!.next({ kind: 'unchanged' }, 0);
    for (let i = 0; i < 130; i++) {
      const change = i % 3 === 0 ? 'aged' : 'restarted';
      const { body } = host!.next({ kind: 'changed', change, percent: 2 }, 0).request;
      expect(body?.toString()).toBe(JSON.stringify(simulated.snapshot(host!.progress)));
    }
  });

  test('an unchanged snapshot is sent as the same bytes with a higher sequence number', () => {
    const [host] = createFleet(shape);
    const [first, second] = [0, 1].map(() => host!.next({ kind: 'unchanged' }, 0).request);
    expect(second!.body).toEqual(first!.body);
    expect([first, second].map((request) => request!.headers?.['Snapshot-Sequence'])).toEqual(['1', '2']);
  });

  test('a heartbeat contains the digest of the last response', () => {
    const [host] = createFleet(shape);
    host!.next({ kind: 'unchanged' }, 0).accepted('the-digest');
    host!.next({ kind: 'heartbeat' }, 0).accepted(undefined);
    expect(host!.next({ kind: 'heartbeat' }, 0).request.body).toBe('{"digest":"the-digest"}');
  });

  test('a snapshot has exactly the expected headers', () => {
    const [host] = createFleet(shape);
    const head = headOf(host!.next({ kind: 'unchanged' }, 0).request);
    const length = Buffer.byteLength(JSON.stringify(simulateHost({ ...running, containers: 7 }).snapshot(NO_PROGRESS)));
    expect(head.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, 'NOW').split('\r\n')).toEqual([
      'POST /api/agent/containers HTTP/1.1',
      'Host: 127.0.0.1',
      'Authorization: Bearer token',
      'Content-Type: application/json',
      `Content-Length: ${length}`,
      'Snapshot-Stream: host',
      'Snapshot-Sequence: 1',
      'Snapshot-Observed-At: NOW',
      '',
      '',
    ]);
  });
});

describe('in a fleet with numbered snapshots', () => {
  const sent = (refuses: boolean) => {
    const [host] = createFleet({ content: 'numbered', hosts: [{ id: 'host', token: 'token' }] });
    return Array.from({ length: 21 }, () => {
      const turn = host!.next({ kind: 'mix' }, 0);
      if (!refuses) turn.accepted(undefined);
      const { body, headers } = turn.request;
      if (typeof body === 'string') return body;
      expect(headers?.['Content-Encoding']).toBe('gzip');
      const [marker] = JSON.parse(gunzipSync(body!).toString()) as { image: string }[];
      return generationOf(marker!.image);
    });
  };

  test('half of the requests are heartbeats, 40 % are unchanged snapshots, and 10 % are new snapshots', () => {
    const beat = '{"digest":null}';
    const round = (generation: number) => [1, 2, 3, 4, 5].flatMap(() => [generation, beat]);
    expect(sent(false)).toEqual([...round(1), ...round(2), 3]);
  });

  test('a refused snapshot is sent again until the API accepts it', () => {
    expect(new Set(sent(true))).toEqual(new Set([1, '{"digest":null}']));
  });
});
