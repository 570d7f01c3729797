import { describe, expect, test } from '@jest/globals';
import { parseCli } from '../../src/faults/cli.js';
import { GUARANTEE_IDS } from '../../src/faults/guarantee.js';

describe('the command line', () => {
  test('asks for everything, written into the document, where nothing is said', () => {
    const all = { kind: 'run', only: GUARANTEE_IDS, quick: false, rounds: null, out: 'docs/reliability.md' };
    expect(parseCli([])).toEqual(all);
    expect(parseCli(['--'])).toEqual(all);
  });

  test('a quick run writes nothing unless it is told where', () => {
    expect(parseCli(['--quick'])).toMatchObject({ quick: true, out: null });
    expect(parseCli(['--quick', '--out', 'x.md'])).toMatchObject({ quick: true, out: 'x.md' });
  });

  test('runs what is asked for in its own order', () => {
    expect(parseCli(['--only', 'leaks,kill', '--rounds', '3'])).toMatchObject({ only: ['kill', 'leaks'], rounds: 3 });
  });

  test.each([
    [['--only', 'kill,nothing'], '--only: unknown test nothing; allowed: kill, '],
    [['--rounds', '0'], '--rounds must be'],
    [['--rounds', '1e3'], '--rounds must be'],
    [['--out', ''], '--out must name a file'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('refuses %j, and says why', (args, message) => {
    expect(parseCli(args)).toEqual({ kind: 'error', message: expect.stringContaining(message) });
  });
});
