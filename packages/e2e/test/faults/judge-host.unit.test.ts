import { describe, expect, test } from '@jest/globals';
import type { ContainerEvent, ContainerView } from '@muster/contracts';
import { markerOf, numberedSnapshot } from '@muster/fleet';
import { judgeHost } from './load/generation.js';

const HOST = 3;
const AT = '2026-01-01T00:00:00.000Z';

const viewsOf = (generation: number): ContainerView[] =>
  numberedSnapshot(HOST, generation).map((container) => ({
    ...container,
    ...{
      hostId: '0',
      hostName: 'h',
      engineName: 'Docker',
      hostFreshness: 'online',
      asOf: AT,
      health: null,
      exitCode: null,
      exit: null,
      oomKilled: null,
      restartCount: null,
      imageDigest: null,
      workload: { kind: 'plain', project: null, service: container.name, instance: null },
      isInfra: false,
      uptimeSeconds: 1,
    },
    ...{ firstSeenAt: AT, changedAt: AT, removedAt: null },
  }));

/**
 * Returns the events of the marker container, whose image changes from each generation to the next. The newest event is
 * first, as in the API's responses.
 */
const historyOf = (...generations: number[]): ContainerEvent[] =>
  generations
    .slice(1)
    .map((to, i): ContainerEvent => ({
      ...{ id: String(i), hostId: '0', hostName: 'h', dockerId: markerOf(HOST), name: 'marker', kind: 'image_changed' },
      ...{
        from: `image:${generations[i]!}`,
        to: `image:${to}`,
        exitCode: null,
        exitReason: null,
        image: null,
        exits: null,
        workload: null,
        observedAt: AT,
        recordedAt: AT,
      },
    }))
    .reverse();

const expected = { host: HOST, base: 4, acked: [5, 7], sent: 8 };

describe('judgeHost', () => {
  test('accepts the last acknowledged snapshot of a host, or a snapshot that was sent later', () => {
    expect(judgeHost(expected, viewsOf(7), historyOf(4, 5, 7))).toEqual({ found: 7, lost: null, torn: null });
    expect(judgeHost(expected, viewsOf(8), historyOf(4, 5, 7, 8))).toEqual({ found: 8, lost: null, torn: null });
  });

  test('accepts the first snapshot of a host, whose marker has not changed', () => {
    const first = { host: HOST, base: 0, acked: [1, 2], sent: 2 };
    expect(judgeHost(first, viewsOf(2), historyOf(1, 2))).toEqual({ found: 2, lost: null, torn: null });
    expect(judgeHost({ ...first, acked: [], sent: 0 }, [], [])).toEqual({ found: 0, lost: null, torn: null });
  });

  test('reports a lost snapshot if an acknowledged snapshot is missing from the rows or from the history', () => {
    expect(judgeHost(expected, viewsOf(5), historyOf(4, 5)).lost).toContain('7 was acknowledged');
    expect(judgeHost(expected, [], []).lost).toContain('has 0, ');
    expect(judgeHost(expected, viewsOf(7), historyOf(4, 7)).lost).toContain('5 is not in the history');
  });

  test('reports a torn state if the rows come from two snapshots, or from a snapshot that was never sent', () => {
    const mixed = viewsOf(7).map((view, i) => (i === 4 ? viewsOf(6)[i]! : view));
    expect(judgeHost(expected, mixed, historyOf(4, 5, 7)).torn).toContain('differs from the snapshot');
    expect(judgeHost(expected, viewsOf(7).slice(1), historyOf(4, 5, 7)).lost).not.toBeNull();
    expect(judgeHost(expected, viewsOf(7).slice(0, -1), historyOf(4, 5, 7)).torn).toContain('containers instead of');
    expect(judgeHost(expected, viewsOf(9), historyOf(4, 5, 7, 9)).torn).toContain('only 8 was sent');
  });

  test('reports a torn state if the rows and the history come from different transactions', () => {
    expect(judgeHost(expected, viewsOf(8), historyOf(4, 5, 7)).torn).toContain('no unbroken history');
    expect(judgeHost(expected, viewsOf(7), [...historyOf(4, 5, 7), ...historyOf(5, 7)]).torn).toContain('no unbroken');
  });
});
