import { describe, expect, test } from '@jest/globals';
import { atLeast, atMost, never, always } from '../../src/faults/guarantee.js';
import { renderTerminal, withFigures, type GuaranteeRecord } from '../../src/faults/report.js';

const record = (parts: Partial<GuaranteeRecord> = {}): GuaranteeRecord => ({
  ...{ id: 'kill', title: 'Acknowledged means committed' },
  findings: [never('lost', 0, 1_234, 'acks'), atMost('ready again', 1_200, 1_000, (ms) => `${ms} ms`)],
  ...{ tries: 1, at: '2026-11-25T09:00:00.000Z', seconds: 61.4 },
  ...parts,
});

const sectionOf = (id: string) =>
  `<!-- figures of ${id}, by pnpm test:faults -->\nold of ${id}\n<!-- end of figures -->`;
const where = { where: 'commit abc', quick: false };

describe('a finding', () => {
  test('does not meet its requirement without an attempt', () => {
    expect(never('lost', 0, 0, 'acks').met).toBe(false);
    expect(always('answered', 0, 0, 'requests').met).toBe(false);
  });

  test('does not meet its requirement if its figure is NaN', () => {
    expect(atMost('p99', NaN, 1, String).met).toBe(false);
    expect(atLeast('goodput', NaN, 1, String).met).toBe(false);
  });
});

describe('the document', () => {
  test('gets new figures between their markers, and keeps all other text', () => {
    const written = withFigures(`# A\n\n${sectionOf('kill')}\n\nprose\n\n${sectionOf('deploy')}\n`, record(), where);
    expect(written).toContain('| lost        | 0               | 0 of 1,234 acks | yes    |');
    expect(written).toContain('| ready again | at most 1000 ms | 1200 ms         | **no** |');
    expect(written).toContain('Last run: 2026-11-25 09:00 UTC, 61 s, commit abc.');
    expect(written).toContain('prose');
    expect(written).toContain('old of deploy');
    expect(written).not.toContain('old of kill');
    expect(withFigures(written, record(), where)).toBe(written);
  });

  test('mentions a second try and a quick run', () => {
    const written = withFigures(sectionOf('kill'), record({ tries: 2 }), { ...where, quick: true });
    expect(written).toContain('; quick run; second try');
  });

  test('is rejected if it has no markers for a guarantee', () => {
    expect(() => withFigures(sectionOf('deploy'), record(), where)).toThrow('lacks the line <!-- figures of kill');
  });
});

test('the terminal output shows the unmet requirements and the number of guarantees that hold', () => {
  const text = renderTerminal([record(), record({ findings: [never('lost', 0, 1, 'acks')] })]);
  expect(text).toMatch(/1200 ms +NOT MET/);
  expect(text).toContain('1 of 2 guarantees hold');
});
