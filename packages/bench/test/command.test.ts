import { describe, expect, test } from '@jest/globals';
import { bench, commandLine } from '../src/command.js';
import { planOf } from '../src/plan.js';

const parse = (args: readonly string[]) => bench.parse(args);
commandLine.configureOutput({ writeErr: () => undefined });

describe('the command line', () => {
  test('without arguments runs every section and writes the document', () => {
    expect(parse([])).toEqual({
      quick: false,
      out: 'docs',
      only: ['service', 'http', 'growth', 'live', 'table-growth', 'embedded'],
    });
  });

  test('with --quick writes nothing unless --out specifies a directory', () => {
    expect(parse(['--quick'])).toMatchObject({ quick: true });
    expect(parse(['--quick'])).not.toHaveProperty('out');
    expect(parse(['--', '--quick', '--out', 'there'])).toMatchObject({ quick: true, out: 'there' });
  });

  test('with --only runs the listed sections in the order of the benchmark', () => {
    expect(parse(['--only', 'http,service'])).toMatchObject({ only: ['service', 'http'] });
  });

  test.each([
    [['--fast'], /--fast/],
    [['service'], /too many arguments/],
    [['--only', 'service,speed'], /"speed" is not one of service, http/],
    [['--only', ''], /--only/],
    [['--rounds', '0'], /--rounds/],
    [['--rounds', '101'], /--rounds/],
    [['--rounds', '1e3'], /--rounds/],
    [['--out', ''], /--out/],
    [['--out', '--quick'], /--out/],
  ])('is rejected with a message about the mistake if it is %j', (args, message) => {
    expect(() => parse(args)).toThrow(message);
  });

  test.each([['--help'], ['-h']])('with %s prints every option with its range', (flag) => {
    let text = '';
    commandLine.configureOutput({ writeOut: (part) => (text += part) });
    expect(() => parse([flag])).toThrow(expect.objectContaining({ exitCode: 0 }));
    for (const part of [
      '--only',
      'service, http, growth, live, table-growth, embedded',
      '--quick',
      '--rounds',
      '1 to 100',
      '--out',
      'default: docs',
      '--help',
    ]) {
      expect(text.replaceAll(/\s+/g, ' ')).toContain(part);
    }
  });

  test('with --rounds replaces the number of rounds in the plan', () => {
    expect(parse(['--rounds', '9'])).toMatchObject({ rounds: 9 });
    expect([planOf({ quick: false, rounds: 9 }).rounds, planOf({ quick: false }).rounds]).toEqual([9, 5]);
  });
});
