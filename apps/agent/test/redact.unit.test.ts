import { describe, expect, test } from '@jest/globals';
import { Container } from '@muster/contracts';
import fc from 'fast-check';
import { REDACTED, REDACT_NAMES_DEFAULT, REDACT_VALUES_DEFAULT, createRedactor } from '../src/engine/redact.js';

const defaults = { names: REDACT_NAMES_DEFAULT, values: REDACT_VALUES_DEFAULT };
const container = (command: string, labels: Record<string, string> = {}): Container =>
  Container.parse({ dockerId: 'a', name: 'a', image: 'i', state: 'running', command, labels });
const commandOf = (command: string, patterns = defaults): string =>
  createRedactor(patterns).redact(container(command)).command;
const labelOf = (name: string, value: string, patterns = defaults): string =>
  createRedactor(patterns).redact(container('', { [name]: value })).labels[name]!;

describe('a command', () => {
  test.each([
    ['mysqld --password=hunter2 --port=3306', `mysqld --password=${REDACTED} --port=3306`],
    ['mysqld --root-password hunter2 -v', `mysqld --root-password ${REDACTED} -v`],
    ["sh -c 'DB_PASSWORD=hunter2 exec app'", `sh -c 'DB_PASSWORD=${REDACTED} exec app'`],
    ['app API_KEY="two words" --x', `app API_KEY=${REDACTED} --x`],
    ['psql postgres://app:hunter2@db:5432/app', `psql postgres://app:${REDACTED}@db:5432/app`],
    ['curl -H "Authorization: Bearer abcdefgh12345678"', `curl -H "Authorization: Bearer ${REDACTED}"`],
    ['git clone https://x ghp_0123456789abcdefghijABCDEFGHIJ012345', `git clone https://x ${REDACTED}`],
    ['agent muster_agent_0123456789', `agent ${REDACTED}`],
    ['x eyJhbGciOiJ9.eyJzdWIiOiJ9.c2lnbmF0dXJl --y', `x ${REDACTED} --y`],
    ['x key_eyJhbGciOiJ9.eyJzdWIiOiJ9.c2ln', `x key_${REDACTED}`],
  ])('%s loses its secret', (command, redacted) => {
    expect(commandOf(command)).toBe(redacted);
  });

  test.each([
    'nginx -g "daemon off;"',
    'docker-entrypoint.sh postgres -c max_connections=200',
    'node server.js --port 8080 --author me',
    '/bin/sh -c "while :; do sleep 1; done"',
    'my-token-service:1.2 --listen 0.0.0.0:80',
  ])('%s is left unchanged', (command) => {
    expect(commandOf(command)).toBe(command);
  });
});

describe('a label', () => {
  test('has a redacted value if its name suggests a secret', () => {
    expect(labelOf('com.example.db-password', 'hunter2')).toBe(REDACTED);
    expect(labelOf('traefik.http.middlewares.a.basicauth.users', 'me:$apr1$x')).toBe(REDACTED);
    expect(labelOf('com.example.secret', '')).toBe('');
  });

  test('with any other name is redacted only where its value looks like a secret', () => {
    expect(labelOf('com.example.dsn', 'redis://:hunter2@cache/0')).toBe(`redis://:${REDACTED}@cache/0`);
    expect(labelOf('com.docker.compose.project', 'shop')).toBe('shop');
    expect(labelOf('org.opencontainers.image.authors', 'me')).toBe('me');
  });

  test('is redacted beyond the search limit', () => {
    expect(labelOf('a', 'x'.repeat(20_000))).toContain(REDACTED);
    expect(labelOf('a', `${'x'.repeat(20_000)} muster_key_abc`)).not.toContain('muster_key_abc');
  });
});

test('an operator’s patterns replace the defaults', () => {
  const patterns = { names: /pin/gi, values: /\d{16}/g };
  expect(commandOf('pay --pin 1234 --password open 1234567812345678', patterns)).toBe(
    `pay --pin ${REDACTED} --password open ${REDACTED}`,
  );
});

// With a pattern that takes exponential time, this test would time out.
test('redaction returns valid text for any command and label', () => {
  const piece = fc.constantFrom(
    '--password',
    '=',
    ' ',
    '"',
    "'",
    '://',
    ':',
    '@',
    'a',
    'eyJ',
    '.',
    '-',
    'bearer ',
    'sk-',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4_000 }), (pieces) => {
      const text = pieces.join('');
      const redacted = createRedactor(defaults).redact(container(text, { a: text }));
      expect(Container.safeParse(redacted).success).toBe(true);
    }),
    { numRuns: 100 },
  );
});

/** For each part of the patterns, a text that matches, and a text of which only the beginning matches. */
const EXAMPLES = [
  'muster_agent_0123',
  'ghp_0123456789abcdefghij',
  'github_pat_0123456789abcdefghij',
  'glpat-0123456789abcdef',
  'xoxb-0123456789',
  'AKIA0123456789ABCDEF',
  'AIza0123456789012345678901234567',
  'sk-proj-0123456789abcdef',
  'eyJhbGciOiJ9.eyJzdWIiOiJ9.c2ln',
  'bearer 01234567',
  'a://b:c@d',
  'x://:password@',
  'passwd=x',
  '--secret x',
  'password="a',
  "token='a",
  'api-key',
  'access_key',
  'private.key',
  ' auth ',
  '-a \t',
  'a="\'',
  '=\'"',
];

describe('redaction takes time linear in the length of the text', () => {
  const SMALL = 16_384;
  const LARGE = 4 * SMALL;
  const repeatTo = (unit: string, length: number): string =>
    unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const timeOf = (work: () => unknown): number => {
    const since = performance.now();
    work();
    return performance.now() - since;
  };
  const shortestTimeOf = (work: () => unknown): number => Math.min(...[1, 2, 3].map(() => timeOf(work)));

  /**
   * Measures `work` with a text and with a text of four times the length. Expects that the longer text takes less than
   * nine times as long (with quadratic work, it would take 16 times as long). Passes if the time is too short to
   * measure.
   */
  function expectLinear(work: (text: string) => unknown, unit: string): void {
    if (timeOf(() => work(repeatTo(unit, LARGE))) < 50) return;
    const [small, large] = [SMALL, LARGE].map((length) => shortestTimeOf(() => work(repeatTo(unit, length)))) as [
      number,
      number,
    ];
    if (large >= 50) expect({ unit, ratio: large / small }).toEqual({ unit, ratio: expect.closeTo(4, -1) });
  }

  test.each(EXAMPLES)('for repetitions of %s and of its prefixes', (example) => {
    for (let length = 1; length <= example.length; length++) {
      const unit = example.slice(0, length);
      expectLinear((text) => text.replace(REDACT_VALUES_DEFAULT, ''), unit);
      expectLinear((text) => text.replace(REDACT_NAMES_DEFAULT, ''), unit);
      // Redaction searches only the start of a text, so the long input is split into several texts.
      const inCommand = (text: string) =>
        Array.from({ length: Math.ceil(text.length / SMALL) }, () => commandOf(text.slice(0, SMALL)));
      expect(timeOf(() => inCommand(repeatTo(unit, SMALL)))).toBeLessThan(500);
    }
  });
});

test('the error of a failed start is redacted like a command', () => {
  const error = 'cannot mount https://user:correct-horse@nas/share: exec --password=hunter2-hunter2: no such file';
  const failed = {
    ...container('', {}),
    exit: { code: 128, reason: 'failed_to_start', error, finishedAt: null } as const,
  };
  expect(createRedactor(defaults).redact(failed).exit).toEqual({
    ...failed.exit,
    error: 'cannot mount https://user:[redacted]@nas/share: exec --password=[redacted] no such file',
  });
});

describe('the limit of redaction', () => {
  const many = Array.from({ length: 10 }, (_, i) => container('x'.repeat(1_000), { [`label-${i}`]: 'plain' }));

  test('once reached, causes all remaining texts to be redacted', () => {
    const redactor = createRedactor(defaults, () => 0, { charactersMax: 3_100, msMax: 1 });
    const redacted = many.map((each) => redactor.redact(each));
    expect(redacted.map(({ command }) => command === REDACTED)).toEqual([
      ...Array<boolean>(3).fill(false),
      ...Array<boolean>(7).fill(true),
    ]);
    expect(Object.values(redacted[9]!.labels)).toEqual([REDACTED]);
    expect(redactor.withheldCount()).toBe(13);
  });

  test('also limits the time, because an operator’s pattern may be slow', () => {
    let now = 0;
    const redactor = createRedactor(defaults, () => (now += 10), { charactersMax: 1_000_000, msMax: 45 });
    const redacted = many.map((each) => redactor.redact(each));
    expect(redacted.map(({ command }) => command === REDACTED)).toEqual([
      ...Array<boolean>(2).fill(false),
      ...Array<boolean>(8).fill(true),
    ]);
  });
});
