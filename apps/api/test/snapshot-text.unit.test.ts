import { describe, expect, test } from '@jest/globals';
import { parseSnapshot } from '@muster/contracts';
import fc from 'fast-check';
import { toContainerRow } from '../src/services/sync/container-row.js';
import {
  decodeElement,
  differingElements,
  elementBytes,
  elementCount,
  scanBody,
} from '../src/services/sync/scan-body.js';
import type { InvalidRequestError } from '../src/errors.js';
import { createBodyReader } from '../src/services/sync/body-reader.js';
import { container } from './fixtures.js';

const bytesOf = (text: string) => Buffer.from(text);
async function splitOf(text: string) {
  const scan = await scanBody(bytesOf(text));
  return scan.kind === 'split' ? scan.split : null;
}
const indented = fc.constantFrom(0, 1, 2);

describe('the text of a snapshot:', () => {
  test('an array is cut into the texts of its elements, regardless of their content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), indented, async (values, indent) => {
        const text = await splitOf(` ${JSON.stringify(values, null, indent)}\n`);
        const cut = Array.from({ length: elementCount(text!) }, (_, index) => elementBytes(text!, index).toString());
        expect(cut.map((element): unknown => JSON.parse(element))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(['', ' ', '[', ']', '{}', '[}', '[]]', '[[]', '["]', '"[]"', '[{"a":"]"]', '[1] 2', 'null'])(
    'cutting %j returns null, because it is not an array',
    async (text) => expect(await splitOf(text)).toBeNull(),
  );

  test('cutting a long text yields to other tasks', async () => {
    // The first text has one long string, and the second has many short strings. Cutting takes about 20 ms for each.
    for (const long of [`["${'a'.repeat(16e6)}"]`, `[[${'"a",'.repeat(4e6)}"a"]]`]) {
      let turns = 0;
      const timer = setInterval(() => (turns += 1), 1);
      await splitOf(long);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(0);
    }
  });

  test('the elements in which two texts differ are found', async () => {
    const [a, b] = await Promise.all(['[1, 22, "3"]', '[1, 23, "3"]'].map((text) => splitOf(text)));
    expect(differingElements(a!, b!)).toEqual([1]);
    expect(differingElements(a!, a!)).toEqual([]);
  });

  test.each(['{"dockerId":"a"}', '{', '', '"\uD800"', '[]'])('no container is decoded from %j', (element) => {
    expect(
      decodeElement({ bytes: bytesOf(element), bounds: Uint32Array.of(0, Buffer.byteLength(element)) }, 0),
    ).toBeNull();
  });

  test('no container is decoded from bytes that are not UTF-8', () => {
    const bytes = Buffer.concat([
      bytesOf('{"dockerId":"a","name":"'),
      Buffer.from([0xff]),
      bytesOf('","image":"i","state":"running"}'),
    ]);
    expect(decodeElement({ bytes, bounds: Uint32Array.of(0, bytes.length) }, 0)).toBeNull();
  });
});

describe('a body of megabytes that is read piece by piece', () => {
  const long = Array.from({ length: 3_000 }, (_, index) => container(`c${index}`));
  const rowsOf = (text: string | Buffer) =>
    createBodyReader({ bytes: Buffer.isBuffer(text) ? text : bytesOf(text), encoding: 'identity' }).rows();
  const refusal = (text: string | Buffer) =>
    rowsOf(text).then(
      () => null,
      (error: unknown) => (error as InvalidRequestError).errors,
    );

  test('gives the same rows as when it is parsed as a whole', async () => {
    const parsed = parseSnapshot(JSON.parse(JSON.stringify(long)));
    expect(parsed.success && parsed.data.map((one) => toContainerRow(one))).toEqual(await rowsOf(JSON.stringify(long)));
  });

  test('is refused with the same invalid fields as when it is parsed as a whole', async () => {
    const wrong = long.map((row, index) => (index % 200 === 7 ? { ...row, state: 7 } : row));
    const parsed = parseSnapshot(JSON.parse(JSON.stringify(wrong)));
    expect(await refusal(JSON.stringify(wrong))).toEqual(parsed.success ? null : parsed.errors);
    const twice = [...long, long[0]!];
    expect(await refusal(JSON.stringify(twice))).toEqual([
      { path: '/3000/dockerId', message: 'must be unique, but equals /0/dockerId' },
    ]);
  });

  test('is refused before it is parsed if it has too many containers', async () => {
    const text = `[${Array.from({ length: 5_001 }, () => '{ no json, but long enough to be cut into pieces ......... }').join(',')}]`;
    expect(await refusal(text)).toEqual([{ path: '', message: 'must contain at most 5000 containers' }]);
  });

  test('is refused if it is not valid JSON, regardless of the position of the error', async () => {
    const text = JSON.stringify(long);
    const middle = text.indexOf('},{', text.length / 2) + 1;
    const broken = [
      `${text.slice(0, -1)},]`,
      `[,${text.slice(1)}`,
      `${text.slice(0, middle)},${text.slice(middle)}`,
      `${text.slice(0, middle)};${text.slice(middle + 1)}`,
      `${text}]`,
      text.slice(0, -1),
      text.replace('"name-of-c2000"', 'name-of-c2000'),
    ];
    for (const body of broken)
      expect(await refusal(body)).toEqual([{ path: '', message: 'the body is not valid JSON' }]);
    const bytes = bytesOf(text);
    bytes[text.indexOf('name-of-c2000')] = 0xff;
    expect(await refusal(bytes)).toEqual([{ path: '', message: 'the body is not valid UTF-8' }]);
  });
});
