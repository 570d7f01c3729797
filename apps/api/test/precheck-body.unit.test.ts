import { describe, expect, test } from '@jest/globals';
import { SNAPSHOT_CONTAINERS_MAX } from '@muster/contracts';
import { precheckBody } from '../src/services/sync/precheck-body.js';
import { container } from './fixtures.js';

const precheck = (text: string) => precheckBody(Buffer.from(text));
const listOf = (count: number, text: string) => Array.from({ length: count }, () => text).join();

describe('the check of a body before it is parsed', () => {
  test('accepts a snapshot regardless of the number of its containers, ports and labels', async () => {
    const ports = Array.from({ length: 65_535 }, (_, i) => ({ privatePort: i + 1, type: 'tcp' as const }));
    const labels = Object.fromEntries(Array.from({ length: 4_096 }, (_, i) => [`l${i}`, ',[{"\\,']));
    const many = Array.from({ length: SNAPSHOT_CONTAINERS_MAX }, (_, i) => container(`c${i}`));
    expect(await precheck(JSON.stringify([container('a', { ports }), container('b', { labels })]))).toEqual({
      kind: 'ok',
    });
    expect(await precheck(JSON.stringify(many, null, 2))).toEqual({ kind: 'ok' });
    expect(await precheck(' []')).toEqual({ kind: 'ok' });
  });

  test('detects that the body is not an array', async () => {
    for (const text of ['', '  ', '{"a":[]}', '"[]"']) expect(await precheck(text)).toEqual({ kind: 'no-array' });
  });

  test('detects too many elements', async () => {
    expect(await precheck(`[${listOf(SNAPSHOT_CONTAINERS_MAX, '[]')}]`)).toEqual({ kind: 'ok' });
    expect(await precheck(`[${listOf(SNAPSHOT_CONTAINERS_MAX + 1, '[]')}]`)).toEqual({ kind: 'too-many' });
  });

  test('detects more values than a container can have', async () => {
    for (const inner of [listOf(100_000, '[]'), listOf(100_000, '{}'), listOf(100_000, '0')]) {
      const text = `[${JSON.stringify(container('a'))},{"ports":[${inner}]}]`;
      expect(await precheck(text)).toEqual({ kind: 'too-many-values', element: 1 });
    }
    expect(await precheck('['.repeat(100_000))).toEqual({ kind: 'too-many-values', element: 0 });
  });
});
