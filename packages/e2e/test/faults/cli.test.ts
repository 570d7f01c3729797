import { describe, expect, test } from '@jest/globals';
import { commandLine, parse } from '../../src/faults/command.js';
import { GUARANTEES } from './guarantees/index.js';

commandLine.configureOutput({ writeErr: () => undefined });

describe('the command line', () => {
  test('requests all tests and writes into the document if it has no options', () => {
    const all = { only: Object.keys(GUARANTEES), quick: false, out: 'docs/reliability.md' };
    expect(parse([])).toEqual(all);
    expect(parse(['--'])).toEqual(all);
  });

  test('with --quick writes a document only if it also has --out', () => {
    expect(parse(['--quick'])).toEqual({ only: Object.keys(GUARANTEES), quick: true });
    expect(parse(['--quick', '--out', 'x.md'])).toMatchObject({ quick: true, out: 'x.md' });
  });

  test('with --only requests the named tests, always in the same order', () => {
    expect(parse(['--only', 'leaks,kill', '--rounds', '3'])).toMatchObject({
      only: ['kill', 'leaks'],
      rounds: 3,
    });
  });

  test.each([
    [['--only', 'kill,nothing'], '"nothing" is not one of kill, '],
    [['--rounds', '0'], 'must be a whole number from 1 to 1000'],
    [['--rounds', '1e3'], 'must be a whole number from 1 to 1000'],
    [['--out', ''], 'must be a path'],
    [['--nonsense'], "unknown option '--nonsense'"],
  ])('is rejected with a reason if it is %j', (args, message) => {
    expect(() => parse(args)).toThrow(message);
  });
});
