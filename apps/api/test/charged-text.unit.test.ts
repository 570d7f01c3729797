import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { createBodyReader } from '../src/services/sync/body-reader.js';
import { container } from './fixtures.js';

const MIB = 1024 * 1024;
const padded = (dockerId: string, bytes: number) => JSON.stringify(container(dockerId, { command: 'x'.repeat(bytes) }));

/** Returns how much text, in MiB, a snapshot counts toward the limit. The cost of its rows is not included. */
async function textMibOf(elements: readonly string[], end = ']'): Promise<number> {
  const usage = { textBytes: 0 };
  const bytes = gzipSync(`[${elements.join()}${end}`);
  const reader = createBodyReader({ bytes, encoding: 'gzip' }, { usage });
  await reader.split().catch(() => null);
  await reader.rows().catch(() => null);
  return usage.textBytes / MIB;
}

describe('the text of a snapshot counts toward the host’s limit', () => {
  test('after decompression, and only once', async () => {
    const elements = Array.from({ length: 100 }, (_, index) => padded(`c${index}`, 20_000));
    expect(await textMibOf(elements)).toBeCloseTo(2, 0);
  });

  test('even if the snapshot is refused', async () => {
    expect(await textMibOf([padded('a', 20_000)], ',{}]'.padEnd(MIB))).toBeGreaterThan(0.9);
  });

  test('several times if a container is too long to be parsed in pieces', async () => {
    expect(await textMibOf([padded('a', MIB), padded('b', 1_000)])).toBeCloseTo(4, 1);
  });

  test('as the maximum size if the body decompresses to more than the maximum size', async () => {
    expect(await textMibOf([padded('a', 11 * MIB)])).toBeGreaterThanOrEqual(10);
  });
});
