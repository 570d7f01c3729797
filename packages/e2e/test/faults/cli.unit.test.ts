import { describe, expect, test } from '@jest/globals';
import { parseCommand } from '@muster/fleet/command-line';
import { faultsCommandLine } from '../../src/faults/cli.js';
import { GUARANTEE_IDS } from '../../src/faults/guarantee.js';

const parse = (args: readonly string[]) => parseCommand(faultsCommandLine, args);

describe('the command line', () => {
  test('without options requests all tests, and writes into the document', () => {
    const all = {
      kind: 'run',
      options: { only: GUARANTEE_IDS, quick: false, rounds: null, out: 'docs/reliability.md' },
    };
    expect(parse([])).toEqual(all);
    expect(parse(['--'])).toEqual(all);
  });

  test('with --quick writes nothing without --out', () => {
    expect(parse(['--quick'])).toMatchObject({ options: { quick: true, out: null } });
    expect(parse(['--quick', '--out', 'x.md'])).toMatchObject({ options: { quick: true, out: 'x.md' } });
  });

  test('with --only runs the tests in their fixed order', () => {
    expect(parse(['--only', 'leaks,kill', '--rounds', '3'])).toMatchObject({
      options: { only: ['kill', 'leaks'], rounds: 3 },
    });
  });

  test.each([
    [['--only', 'kill,nothing'], '--only: unknown test nothing; allowed: kill, '],
    [['--rounds', '0'], '--rounds must be'],
    [['--rounds', '1e3'], '--rounds must be'],
    [['--out', ''], '--out must name a file'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('is rejected with a reason if it is %j', (args, message) => {
    expect(parse(args)).toEqual({ kind: 'error', message: expect.stringContaining(message) });
  });
});
