import { describe, expect, test } from '@jest/globals';
import { mergeReplacements, type ContainerEvent, type Workload } from '../src/index.js';

const START = Date.parse('2026-03-01T12:00:00.000Z');
const web: Workload = { kind: 'compose', project: 'shop', service: 'web', instance: '1' };
let number = 0;
const event = (seconds: number, dockerId: string, changes: Partial<ContainerEvent>): ContainerEvent => ({
  id: `1-${++number}`,
  hostId: '11111111-1111-4111-8111-111111111111',
  hostName: 'alpha',
  dockerId,
  name: 'shop-web-1',
  kind: 'created',
  from: null,
  to: null,
  exitCode: null,
  exitReason: null,
  workload: web,
  image: null,
  exits: null,
  observedAt: new Date(START + seconds * 1_000).toISOString(),
  recordedAt: new Date(START + seconds * 1_000).toISOString(),
  ...changes,
});
const newestFirst = (...events: ContainerEvent[]) => events.reverse();
const shapeOf = (events: ContainerEvent[]) =>
  mergeReplacements(events).map(({ event: { kind, dockerId }, replacement }) =>
    replacement === null
      ? `${kind} ${dockerId}`
      : `replaced ${replacement.imageBefore} ${replacement.imageAfter}: ${replacement.events.length} until ${kind} ${dockerId}`,
  );

/** The events of a recreation by Docker Compose 2, which first gives the new container a temporary name. */
const recreation = (seconds: number, before: string, after: string, changes: Partial<ContainerEvent> = {}) => [
  event(seconds, after, {
    kind: 'created',
    to: 'created',
    name: `${before}_shop-web-1`,
    image: `web:${after}`,
    ...changes,
  }),
  event(seconds + 10, before, { kind: 'exited', from: 'running', to: 'exited', exitCode: 143, ...changes }),
  event(seconds + 11, before, { kind: 'removed', from: 'exited', image: `web:${before}`, ...changes }),
  event(seconds + 11, after, { kind: 'renamed', from: `${before}_shop-web-1`, to: 'shop-web-1', ...changes }),
  event(seconds + 12, after, { kind: 'started', from: 'created', to: 'running', ...changes }),
];

describe('a recreation by Compose', () => {
  test('is one entry with both images and the latest event', () => {
    const later = event(900, 'b', { kind: 'exited', to: 'exited', exitCode: 1 });
    expect(shapeOf(newestFirst(event(-900, 'a', {}), ...recreation(0, 'a', 'b'), later))).toEqual([
      'exited b',
      'replaced web:a web:b: 5 until started b',
      'created a',
    ]);
  });

  test('does not hide that the old container crashed', () => {
    const crash = event(-60, 'a', { kind: 'exited', to: 'exited', exitCode: 137, exitReason: 'oom' });
    expect(shapeOf(newestFirst(crash, ...recreation(0, 'a', 'b')))).toContain('exited a');
  });

  test('is one entry once the old container is removed, even if one report contains all changes', () => {
    expect(shapeOf(newestFirst(...recreation(0, 'a', 'b').slice(0, 2)))).toEqual(['exited a', 'created b']);
    expect(shapeOf(newestFirst(...recreation(0, 'a', 'b').slice(0, 3)))).toEqual([
      'replaced web:a web:b: 3 until removed a',
    ]);
    const atOnce = [
      event(0, 'b', { to: 'running', image: 'web:b' }),
      event(0, 'a', { kind: 'removed', image: 'web:a' }),
    ];
    expect(shapeOf(atOnce)).toEqual(['replaced web:a web:b: 2 until created b']);
  });

  test('is separate from recreations at another time, of another service or on another host', () => {
    const events = [
      ...recreation(0, 'a', 'b'),
      ...recreation(0, 'x', 'y', { workload: { ...web, service: 'db' } }),
      ...recreation(0, 'p', 'q', { hostId: '22222222-2222-4222-8222-222222222222' }),
      ...recreation(60, 'b', 'c'),
    ];
    events.sort((one, other) => Date.parse(other.recordedAt) - Date.parse(one.recordedAt));
    expect(shapeOf(events).sort()).toEqual([
      'replaced web:a web:b: 5 until started b',
      'replaced web:b web:c: 5 until started c',
      'replaced web:p web:q: 5 until started q',
      'replaced web:x web:y: 5 until started y',
    ]);
  });

  test('is assumed only for containers of a Compose project that follow each other quickly', () => {
    const late = newestFirst(event(0, 'a', { kind: 'removed' }), event(121, 'b', {}));
    expect(shapeOf(late)).toEqual(['created b', 'removed a']);
    for (const workload of [null, { ...web, kind: 'swarm' as const }, { ...web, kind: 'plain' as const }]) {
      expect(shapeOf(newestFirst(...recreation(0, 'a', 'b', { workload })))).toHaveLength(5);
    }
  });

  test('does not hide the exits of a looping container', () => {
    const start = '2026-03-01T11:00:00.000Z';
    const exits = { count: 57, first: start, last: start, codes: [] };
    const events = recreation(0, 'a', 'b');
    const index = events.findIndex(({ kind }) => kind === 'removed');
    events.splice(index, 0, event(5, 'a', { kind: 'looping', exits }));
    events.sort((one, other) => Date.parse(other.recordedAt) - Date.parse(one.recordedAt));
    expect(shapeOf(events).sort()).toEqual(['looping a', 'replaced web:a web:b: 5 until started b']);
  });
});
