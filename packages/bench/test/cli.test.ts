import { describe, expect, test } from '@jest/globals';
import { parseCli } from '../src/cli.js';
import { planOf } from '../src/plan.js';

describe('the command line', () => {
  test('without arguments runs every section and writes the document', () => {
    expect(parseCli([])).toEqual({
      ...{ kind: 'run', quick: false, rounds: null, hosts: null, out: 'docs' },
      sections: ['service', 'http', 'growth', 'live', 'table-growth', 'embedded'],
    });
  });

  test('a quick run writes nothing unless it is told where', () => {
    expect(parseCli(['--quick'])).toMatchObject({ quick: true, out: null });
    expect(parseCli(['--', '--quick', '--out', 'there'])).toMatchObject({ quick: true, out: 'there' });
  });

  test('--only runs these sections, in their own order', () => {
    expect(parseCli(['--only', 'http,service'])).toMatchObject({ sections: ['service', 'http'] });
  });

  test.each([
    [['--fast'], /--fast/],
    [['service'], /service/],
    [['--only', 'service,speed'], /no speed.*service, http/],
    [['--only', ''], /--only/],
    [['--rounds', '0'], /--rounds/],
    [['--hosts', '1e3'], /--hosts/],
    [['--out', ''], /--out/],
  ])('%j is refused with what is wrong', (args, message) => {
    expect(parseCli(args)).toMatchObject({ kind: 'error', message: expect.stringMatching(message) });
  });

  test('rounds and hosts that are given replace those of the plan', () => {
    const plan = planOf({ quick: false, rounds: 9, hosts: 12 });
    expect([plan.rounds, plan.service.hosts, plan.http.hosts]).toEqual([9, 12, 12]);
  });
});
