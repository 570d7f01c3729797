import { describe, expect, test } from '@jest/globals';
import { commandLine, faults } from '../../src/faults/command.js';
import { GUARANTEES } from './guarantees/index.js';

const parse = (args: readonly string[]) => faults.parse(args);
commandLine.configureOutput({ writeErr: () => undefined });

describe('the command line', () => {
  test('without options requests all tests and writes to the document', () => {
    const all = { only: Object.keys(GUARANTEES), quick: false, out: 'docs/reliability.md' };
    expect(parse([])).toEqual(all);
    expect(parse(['--'])).toEqual(all);
  });

  test('with --quick writes a document only with --out', () => {
    expect(parse(['--quick'])).toEqual({ only: Object.keys(GUARANTEES), quick: true });
    expect(parse(['--quick', '--out', 'x.md'])).toMatchObject({ quick: true, out: 'x.md' });
  });

  test('with --only requests the listed tests in the usual order', () => {
    expect(parse(['--only', 'leaks,kill'])).toMatchObject({ only: ['kill', 'leaks'] });
  });

  test.each([
    [['--only', 'kill,nothing'], '"nothing" is not one of kill, '],
    [['--out', ''], 'must be a path'],
    [['--nonsense'], "unknown option '--nonsense'"],
  ])('is rejected with a reason if it is %j', (args, message) => {
    expect(() => parse(args)).toThrow(message);
  });
});
