import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EventStreamParser } from '../src/event-stream-parser.js';

const parse = (...pieces: string[]) => {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.feed(piece));
};

describe('an event stream', () => {
  test('is parsed as the HTML standard specifies', () => {
    expect(parse(': hello\n\nevent: container\nid: 7-1\ndata: {"a":1}\n\n')).toEqual([
      { event: 'container', id: '7-1', data: '{"a":1}' },
    ]);
    expect(parse('data:one\ndata: two\r\n\r\n')).toEqual([{ event: 'message', data: 'one\ntwo' }]);
    expect(parse('event: nothing\n\ndata\n\n')).toEqual([{ event: 'message', data: '' }]);
    expect(parse('data: not yet complete\n')).toEqual([]);
  });

  test('has the id of the last complete block, even if that block has no data', () => {
    const parser = new EventStreamParser();
    expect(parser.lastEventId).toBeUndefined();
    expect(parser.feed('id: 7-1\n')).toEqual([]);
    expect(parser.lastEventId).toBeUndefined();
    expect(parser.feed('\ndata: x\n\n')).toEqual([{ event: 'message', data: 'x' }]);
    expect(parser.lastEventId).toBe('7-1');
  });

  test('gives the same events for any split into chunks', () => {
    const text = 'event: a\r\nid: 1\r\ndata: x\r\n\r\n: ping\n\ndata: y\rdata: z\r\rdata: last\n\n';
    const whole = parse(text);
    expect(whole.map(({ data }) => data)).toEqual(['x', 'y\nz', 'last']);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(parse(...places.slice(1).map((end, i) => text.slice(places[i], end)))).toEqual(whole);
      }),
    );
  });
});
