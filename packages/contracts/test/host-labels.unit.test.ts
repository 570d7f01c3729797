import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HOST_LABELS_MAX, HostLabels, mergeHostLabels, parseHostLabels } from '../src/index.js';

const isValid = (key: string, value = 'x') => HostLabels.safeParse({ [key]: value }).success;
const labels = (prefix: string, count: number): HostLabels =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, prefix]));

describe('labels of hosts', () => {
  test.each([
    ['env', true],
    ['a', true],
    ['Env_1.x-y', true],
    ['example.com/env', true],
    ['a-b.c/env', true],
    ['k'.repeat(63), true],
    [`${'a.'.repeat(126)}b/env`, true],
    ['', false],
    ['-env', false],
    ['env-', false],
    ['env name', false],
    ['/env', false],
    ['a/b/c', false],
    ['Example.com/env', false],
    ['example..com/env', false],
    ['k'.repeat(64), false],
    [`${'a.'.repeat(127)}b/env`, false],
    ['env\n', false],
    ['ünv', false],
  ])('follow the Kubernetes rules for keys: %j is valid: %s', (key, expected) => {
    expect(isValid(key)).toBe(expected);
  });

  test.each([
    ['', true],
    ['prod', true],
    ['1', true],
    ['a_b.c-d', true],
    ['v'.repeat(63), true],
    ['v'.repeat(64), false],
    ['-a', false],
    ['a b', false],
    ['prod\n', false],
    ['a/b', false],
  ])('follow the Kubernetes rules for values: %j is valid: %s', (value, expected) => {
    expect(isValid('env', value)).toBe(expected);
  });

  test(`are at most ${HOST_LABELS_MAX}`, () => {
    expect(HostLabels.safeParse(labels('k', HOST_LABELS_MAX)).success).toBe(true);
    expect(HostLabels.safeParse(labels('k', HOST_LABELS_MAX + 1)).success).toBe(false);
  });

  test('from operators override labels from the agent, which override labels from the enrollment token', () => {
    const bySource = {
      operator: { env: 'prod' },
      agent: { env: 'test', site: 'fra' },
      enrollmentToken: { env: 'dev', site: 'muc', team: 'web' },
    };
    expect(mergeHostLabels(bySource)).toEqual({ env: 'prod', site: 'fra', team: 'web' });
    expect(Object.keys(mergeHostLabels(bySource))).toEqual(['env', 'site', 'team']);
  });

  test('are dropped from the last sources if there are too many, but never from operators', () => {
    const operator = labels('o', 60);
    const merged = mergeHostLabels({ operator, agent: labels('a', 64), enrollmentToken: labels('t', 64) });
    expect(Object.keys(merged)).toHaveLength(HOST_LABELS_MAX);
    expect(merged).toMatchObject(operator);
    expect(Object.values(merged)).not.toContain('t');
  });

  test('are parsed from text', () => {
    expect(parseHostLabels(' env=prod, example.com/site=fra,empty= ,')).toEqual({
      labels: { env: 'prod', 'example.com/site': 'fra', empty: '' },
    });
    expect(parseHostLabels('')).toEqual({ labels: {} });
  });

  test.each([
    ['env', '“env” must be a label such as env=prod'],
    ['env=a,env=b', 'the label env occurs twice'],
    ['-env=a', '“-env” must be a label key'],
    ['env=a b', '“a b”, the value of env, must be a label value'],
    ['constructor=a,constructor=b', 'the label constructor occurs twice'],
    [Array.from({ length: 65 }, (_, index) => `k${index}=`).join(), '65 labels are too many'],
  ])('are not parsed from %j, with a message about the problem', (text, problem) => {
    expect(parseHostLabels(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('are unchanged after formatting and parsing', () => {
    const character = fc.constantFrom(...'abzAZ09');
    const name = fc.string({ unit: character, minLength: 1, maxLength: 63 });
    const someLabels = fc.dictionary(name, fc.oneof(fc.constant(''), name), { maxKeys: HOST_LABELS_MAX });
    fc.assert(
      fc.property(someLabels, (some) => {
        const text = Object.entries(some).map(([key, value]) => `${key}=${value}`);
        expect(parseHostLabels(text.join(','))).toEqual({ labels: { ...some } });
      }),
    );
  });
});
