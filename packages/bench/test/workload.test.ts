import { describe, expect, test } from '@jest/globals';
import { canonicalSnapshot, parseSnapshot, parseStatus } from '@muster/contracts';
import { createFleet, type FleetShape } from '../src/load/fleet.js';
import { advance, NO_PROGRESS, simulateHost, touchesOf, touchesOfPercent, type HostShape } from '../src/workload.js';

const SHAPE: HostShape = { seed: 1, index: 0, containers: 50, mix: 'varied' };
const running: HostShape = { ...SHAPE, mix: 'running' };

describe('the workload', () => {
  test('equal seeds give equal snapshots, remembered or made anew, and other seeds or hosts give others', () => {
    const progress = advance(NO_PROGRESS, 'restarted', 7);
    const snapshot = simulateHost(SHAPE).snapshot(progress);
    expect(simulateHost(SHAPE, { remember: false }).snapshot(progress)).toEqual(snapshot);
    expect(simulateHost({ ...SHAPE, seed: 2 }).snapshot(progress)).not.toEqual(snapshot);
    expect(simulateHost({ ...SHAPE, index: 1 }).snapshot(progress)).not.toEqual(snapshot);
  });

  test('every snapshot is one that the contract takes as it is', () => {
    for (let index = 0; index < 20; index++) {
      const snapshot = simulateHost({ ...SHAPE, index }).snapshot(advance(NO_PROGRESS, 'aged', 13));
      const parsed = parseSnapshot(JSON.parse(JSON.stringify(snapshot)));
      expect(parsed).toMatchObject({ success: true });
      if (parsed.success) expect(canonicalSnapshot(parsed.data)).toEqual(canonicalSnapshot(snapshot));
    }
  });

  test.each([
    { kind: 'aged' as const, fields: ['status'] },
    { kind: 'restarted' as const, fields: ['startedAt', 'status'] },
  ])('a change of kind $kind touches so many containers, in $fields and nothing else', ({ kind, fields }) => {
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

  test('changes go round: no container is touched twice before all were touched once', () => {
    const counts = (touches: number) => [0, 1, 2].map((place) => touchesOf(touches, place, 3));
    expect(counts(0)).toEqual([0, 0, 0]);
    expect(counts(4)).toEqual([2, 1, 1]);
    expect(counts(6)).toEqual([2, 2, 2]);
  });

  test('a change of some percent touches at least one container, and one of none touches none', () => {
    expect([touchesOfPercent(0, 50), touchesOfPercent(2, 10), touchesOfPercent(2, 200)]).toEqual([0, 1, 4]);
  });

  test('a varied fleet has the states of a real one', () => {
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

describe('what a fleet sends', () => {
  const shape: FleetShape = {
    hosts: [{ id: 'host', token: 'token', stream: 'stream' }],
    ...{ seed: 1, containers: 7, mix: 'running' },
  };

  test('a body in which one container was replaced is, byte for byte, the whole snapshot', () => {
    const [host] = createFleet(shape);
    const simulated = simulateHost({ seed: 1, index: 0, containers: 7, mix: 'running' });
    host!.next({ kind: 'unchanged' }, 0);
    for (let i = 0; i < 130; i++) {
      const change = i % 3 === 0 ? 'aged' : 'restarted';
      const { body } = host!.next({ kind: 'changed', change, percent: 2 }, 0);
      expect(body?.toString()).toBe(JSON.stringify(simulated.snapshot(host!.progress)));
    }
  });

  test('an unchanged snapshot is the same bytes with a higher sequence', () => {
    const [host] = createFleet(shape);
    const [first, second] = [host!.next({ kind: 'unchanged' }, 0), host!.next({ kind: 'unchanged' }, 0)];
    expect(second.body).toEqual(first.body);
    const sequence = (head: string) => Number(/Snapshot-Sequence: (\d+)/.exec(head)?.[1]);
    expect(sequence(second.head)).toBe(sequence(first.head) + 1);
  });

  test('a heartbeat carries the digest that the last answer told', () => {
    const [host] = createFleet(shape);
    host!.learn('the-digest');
    expect(host!.next({ kind: 'heartbeat' }, 0).body?.toString()).toBe('{"digest":"the-digest"}');
  });
});
