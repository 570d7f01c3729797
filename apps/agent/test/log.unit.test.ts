import { describe, expect, test } from '@jest/globals';
import { formatLogLine } from '../src/lib/log.js';

const time = '2026-03-01T22:45:03.123Z';
const localTime = new Date(time).toTimeString().slice(0, 8);
const format = (fields: object): string => formatLogLine(`${JSON.stringify({ level: 40, time, ...fields })}\n`);

describe('a log line on a terminal', () => {
  test('has the local time, the level, the message and the fields', () => {
    expect(format({ msg: 'the call failed', reason: 'no answer', tries: 3, retryInMs: 1500, url: 'http://a:1' })).toBe(
      `${localTime} WARN  the call failed reason="no answer" tries=3 retryInMs=1500 url=http://a:1\n`,
    );
    expect(format({ level: 30, msg: 'reporting' })).toBe(`${localTime} INFO  reporting\n`);
    expect(format({ level: 60, msg: 'x', list: ['a'], nothing: null, empty: '', quoted: 'a"b' })).toBe(
      `${localTime} FATAL x list=["a"] nothing=null empty="" quoted="a\\"b"\n`,
    );
  });

  test('ends with the stack of an error, one line for each frame', () => {
    expect(format({ msg: 'unexpected', err: { type: 'TypeError', stack: 'TypeError: no\n    at main.js:1' } })).toBe(
      `${localTime} WARN  unexpected\nTypeError: no\n    at main.js:1\n`,
    );
  });

  test('contains no control characters from a server or an engine', () => {
    const text = format({
      msg: '\u001b]0;title\u0007',
      reason: 'clear\u009b2J\u202e\nsecond line',
      err: { stack: 'a\u001b[2J' },
    });
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(text.trim().split('\n')).toHaveLength(2);
  });
});
