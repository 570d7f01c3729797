import { describe, expect, test } from '@jest/globals';
import { SNAPSHOT_CONTAINERS_MAX } from '@muster/contracts';
import { scanBody } from '../src/services/sync/scan-body.js';
import { container } from './fixtures.js';

const scan = (text: string) => scanBody(Buffer.from(text));
const kindOf = async (text: string) => (await scan(text)).kind;
const listOf = (count: number, text: string) => Array.from({ length: count }, () => text).join();

describe('the scan of a body before it is parsed', () => {
  test('accepts a snapshot regardless of the number of its containers, ports and labels', async () => {
    const ports = Array.from({ length: 65_535 }, (_, i) => ({ privatePort: i + 1, type: 'tcp' as const }));
    const labels = Object.fromEntries(Array.from({ length: 4_096 }, (_, i) => [`l${i}`, ',[{"\\,']));
    const many = Array.from({ length: SNAPSHOT_CONTAINERS_MAX }, (_, i) => container(`c${i}`));
    expect(await kindOf(JSON.stringify([container('a', { ports }), container('b', { labels })]))).toBe('split');
    expect(await kindOf(JSON.stringify(many, null, 2))).toBe('split');
    expect(await kindOf(' []')).toBe('split');
  });

  test('detects that the body is not an array', async () => {
    for (const text of ['', '  ', '{"a":[]}', '"[]"', 'null']) expect(await scan(text)).toEqual({ kind: 'no-array' });
  });

  test('detects too many elements', async () => {
    expect(await kindOf(`[${listOf(SNAPSHOT_CONTAINERS_MAX, '[]')}]`)).toBe('split');
    expect(await scan(`[${listOf(SNAPSHOT_CONTAINERS_MAX + 1, '[]')}]`)).toEqual({ kind: 'too-many' });
  });

  test('detects more values than a container can have', async () => {
    for (const inner of [listOf(100_000, '[]'), listOf(100_000, '{}'), listOf(100_000, '0')]) {
      const text = `[${JSON.stringify(container('a'))},{"ports":[${inner}]}]`;
      expect(await scan(text)).toEqual({ kind: 'too-many-values', element: 1 });
    }
    expect(await scan('['.repeat(100_000))).toEqual({ kind: 'too-many-values', element: 0 });
    // Text after the array must not prevent the check of the last element.
    expect(await scan(`[[${listOf(100_000, '0')}]] 1`)).toEqual({ kind: 'too-many-values', element: 0 });
  });
});
