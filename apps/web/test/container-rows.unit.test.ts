import { describe, expect, test } from '@jest/globals';
import type { Project, Workload } from '@muster/contracts';
import { mergeProjects } from '../src/features/containers/projects';
import { mergeRecreations } from '../src/features/containers/recreations';
import { at, container } from './samples';

const workload: Workload = { kind: 'compose', project: 'shop', service: 'web', instance: '1' };
const OLD_ID = '3f2a9c1b7d4e'.padEnd(64, '0');
const old = container({ dockerId: OLD_ID, name: 'shop-web-1', image: 'web:1', workload });
const next = container({ dockerId: 'n', name: '3f2a9c1b7d4e_shop-web-1', image: 'web:2', state: 'created', workload });

describe('the recreation of a container by Compose', () => {
  test('is one row, with the old container until it is removed, and then with the new container', () => {
    expect(mergeRecreations([next, old])).toEqual([{ ...old, nextImage: 'web:2' }]);
    expect(mergeRecreations([next])).toEqual([{ ...next, name: 'shop-web-1' }]);
    expect(mergeRecreations([next, { ...old, removedAt: at(1) }]).map(({ name }) => name)).toEqual([
      'shop-web-1',
      'shop-web-1',
    ]);
  });

  test('does not hide containers of other hosts, or containers that Compose did not name', () => {
    const elsewhere = { ...old, hostId: 'h2' };
    expect(mergeRecreations([next, elsewhere])).toHaveLength(2);
    const plain = { ...next, workload: { ...workload, kind: 'plain' as const } };
    expect(mergeRecreations([plain, old])).toEqual([plain, old]);
  });
});

describe('a project', () => {
  const project = (hostId: string, fields: Partial<Project>): Project => ({
    ...{ project: 'shop', hostId, hostName: hostId, hostFreshness: 'online', kind: 'swarm' },
    ...{ services: ['web'], containers: 2, running: 1, unhealthy: 0, ...fields },
  });

  test('of an orchestrator is one group for all hosts, while a Compose project has one group per host', () => {
    const items = [
      project('h1', {}),
      project('h2', { services: ['db', 'web'] }),
      project('h3', { kind: 'kubernetes' }),
    ];
    expect(mergeProjects(items)).toMatchObject([
      { where: '2 hosts', services: ['db', 'web'], containers: 4, running: 2, hostId: undefined },
      { where: { id: 'h3', name: 'h3' }, hostId: undefined },
    ]);
    const composed = [project('h1', { kind: 'compose' }), project('h2', { kind: 'compose' })];
    expect(mergeProjects(composed).map(({ where, hostId }) => [where, hostId])).toEqual([
      [{ id: 'h1', name: 'h1' }, ['h1']],
      [{ id: 'h2', name: 'h2' }, ['h2']],
    ]);
  });

  test('of an orchestrator does not include the containers of a Compose project of the same name', () => {
    const [swarm] = mergeProjects([project('h1', {}), project('h2', {}), project('h3', { kind: 'compose' })]);
    expect(swarm!.hostId).toEqual(['h1', 'h2']);
  });
});
