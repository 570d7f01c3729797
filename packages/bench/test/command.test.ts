import { describe, expect, test } from '@jest/globals';
import { parseCommand } from '@muster/fleet/command-line';
import { benchCommand } from '../src/command.js';
import { planOf } from '../src/plan.js';

const parse = (args: readonly string[]) => parseCommand(benchCommand, args);

describe('the command line', () => {
  test('without arguments runs every section and writes the document', () => {
    expect(parse([])).toEqual({
      kind: 'run',
      options: {
        quick: false,
        out: 'docs',
        only: ['service', 'http', 'growth', 'live', 'table-growth', 'embedded'],
      },
    });
  });

  test('with --quick writes nothing unless --out names a directory', () => {
    const request = parse(['--quick']);
    expect(request).toMatchObject({ kind: 'run', options: { quick: true } });
    expect(request).not.toHaveProperty('options.out');
    expect(parse(['--', '--quick', '--out', 'there'])).toMatchObject({ options: { quick: true, out: 'there' } });
  });

  test('with --only runs the listed sections, in the order of the benchmark', () => {
    expect(parse(['--only', 'http,service'])).toMatchObject({ options: { only: ['service', 'http'] } });
  });

  test.each([
    [['--fast'], /--fast/],
    [['service'], /service/],
    [['--only', 'service,speed'], /unknown section speed.*service, http/],
    [['--only', ''], /--only/],
    [['--rounds', '0'], /--rounds/],
    [['--rounds', '101'], /--rounds/],
    [['--hosts', '1e3'], /--hosts/],
    [['--hosts', '10001'], /--hosts/],
    [['--out', ''], /--out/],
  ])('%j is rejected with a message that names the mistake', (args, message) => {
    expect(parse(args)).toMatchObject({ kind: 'error', message: expect.stringMatching(message) });
  });

  test.each([['--help'], ['-h']])('%s prints every option with its range', (flag) => {
    const { text } = parse([flag]) as { text: string };
    for (const part of [
      '--only',
      'service, http, growth, live, table-growth, embedded',
      '--quick',
      '--rounds',
      '1 to 100',
      '--hosts',
      '1 to 10000',
      '--out',
      'default: docs',
      '--help',
    ]) {
      expect(text.replaceAll(/\s+/g, ' ')).toContain(part);
    }
  });

  test('rounds and hosts of the command line replace those of the plan', () => {
    expect(parse(['--rounds', '9', '--hosts', '12'])).toMatchObject({ options: { rounds: 9, hosts: 12 } });
    const plan = planOf({ quick: false, rounds: 9, hosts: 12 });
    expect([plan.rounds, plan.service.hosts, plan.http.hosts]).toEqual([9, 12, 12]);
  });
});
