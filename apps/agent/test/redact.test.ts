import { describe, expect, test } from '@jest/globals';
import { Container } from '@muster/contracts';
import fc from 'fast-check';
import { REDACTED, REDACT_NAMES_DEFAULT, REDACT_VALUES_DEFAULT, redactContainer } from '../src/engine/redact.js';

const defaults = { names: REDACT_NAMES_DEFAULT, values: REDACT_VALUES_DEFAULT };
const container = (command: string, labels: Record<string, string> = {}): Container =>
  Container.parse({ dockerId: 'a', name: 'a', image: 'i', state: 'running', command, labels });
const commandOf = (command: string, patterns = defaults): string =>
  redactContainer(container(command), patterns).command;
const labelOf = (name: string, value: string, patterns = defaults): string =>
  redactContainer(container('', { [name]: value }), patterns).labels[name]!;

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
  ])('%s loses its secret', (command, redacted) => {
    expect(commandOf(command)).toBe(redacted);
  });

  test.each([
    'nginx -g "daemon off;"',
    'docker-entrypoint.sh postgres -c max_connections=200',
    'node server.js --port 8080 --author me',
    '/bin/sh -c "while :; do sleep 1; done"',
    'my-token-service:1.2 --listen 0.0.0.0:80',
  ])('%s is left as it is', (command) => {
    expect(commandOf(command)).toBe(command);
  });
});

describe('a label', () => {
  test('of a telling name loses its value, and keeps its name', () => {
    expect(labelOf('com.example.db-password', 'hunter2')).toBe(REDACTED);
    expect(labelOf('traefik.http.middlewares.a.basicauth.users', 'me:$apr1$x')).toBe(REDACTED);
    expect(labelOf('com.example.secret', '')).toBe('');
  });

  test('of another name loses what looks like a secret', () => {
    expect(labelOf('com.example.dsn', 'redis://:hunter2@cache/0')).toBe(`redis://:${REDACTED}@cache/0`);
    expect(labelOf('com.docker.compose.project', 'shop')).toBe('shop');
    expect(labelOf('org.opencontainers.image.authors', 'me')).toBe('me');
  });

  test('that is too long to be searched is hidden as a whole', () => {
    expect(labelOf('a', 'x'.repeat(20_000))).toContain(REDACTED);
    expect(labelOf('a', `${'x'.repeat(20_000)} muster_key_abc`)).not.toContain('muster_key_abc');
  });
});

test('patterns of one’s own take the place of the defaults', () => {
  const patterns = { names: /pin/gi, values: /\d{16}/g };
  expect(commandOf('pay --pin 1234 --password open 1234567812345678', patterns)).toBe(
    `pay --pin ${REDACTED} --password open ${REDACTED}`,
  );
});

// A pattern that takes exponential time would not end within the test's.
test('whatever a command or a label holds, it comes out as one, in time', () => {
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
      const redacted = redactContainer(container(text, { a: text }), defaults);
      expect(Container.safeParse(redacted).success).toBe(true);
    }),
    { numRuns: 100 },
  );
});
