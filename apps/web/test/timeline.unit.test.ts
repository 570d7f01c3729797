import { describe, expect, test } from '@jest/globals';
import type { Workload } from '@muster/contracts';
import { timelineFilters } from '../src/features/container/timeline-filters';

const hostId = '11111111-1111-4111-8111-111111111111';
const filtersOf = (workload: Workload) => timelineFilters({ hostId, name: 'shop_web.1.x', workload });
const byName = { hostId: [hostId], name: ['shop_web.1.x'] };

describe('the history of a container', () => {
  test('follows a Compose service on its host, a stack’s task on any host, and a plain container by name', () => {
    const compose: Workload = { kind: 'compose', project: 'shop', service: 'web', instance: '1' };
    const workload = { project: ['shop'], service: ['web'], instance: ['1'] };
    expect(filtersOf(compose)).toMatchObject({ events: { hostId: [hostId], ...workload }, earlier: byName });
    expect(filtersOf({ ...compose, kind: 'swarm' })).toEqual({
      events: workload,
      earlier: byName,
      title: 'shop/web',
      search: workload,
    });
    const plain = filtersOf({ kind: 'plain', project: null, service: 'web', instance: null });
    expect(plain).toMatchObject({ events: byName, earlier: null, title: 'shop_web.1.x' });
  });

  test('follows a StatefulSet’s pod by its number, and other pods and allocations by their service', () => {
    const pod = (instance: string): Workload => ({ kind: 'kubernetes', project: 'prod', service: 'db/app', instance });
    expect(filtersOf(pod('0')).events).toEqual({ project: ['prod'], service: ['db/app'], instance: ['0'] });
    for (const instance of ['6d4cf56db6-x2b9k', '7vxzq', '24567']) {
      expect(filtersOf(pod(instance)).events).toEqual({ project: ['prod'], service: ['db/app'] });
    }
    const nomad = filtersOf({ kind: 'nomad', project: null, service: 'web', instance: '4d5f8c31' });
    expect(nomad).toMatchObject({ events: { service: ['web'] }, title: 'web' });
  });
});
