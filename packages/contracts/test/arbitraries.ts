import fc from 'fast-check';
import type { ContainerInput, Port } from '../src/index.js';

/** A container with only the required fields. */
export const minimalContainer = { dockerId: 'c1', name: 'web', image: 'nginx:1', state: 'running' };

/** Returns a minimal container with some fields added or replaced. */
export const withFields = (fields: Record<string, unknown>): Record<string, unknown> => ({
  ...minimalContainer,
  ...fields,
});

/**
 * Characters that are likely to break parsers (NUL, lone surrogates, JSON Pointer separators), and ordinary characters.
 */
const anyCharacter = fc.constantFrom(
  'a',
  'B',
  '7',
  ' ',
  '/',
  '~',
  '"',
  '\\',
  '\n',
  '\0',
  '\uD800',
  '\uDC00',
  '🐳',
  'é',
  'e\u0301',
);
const anyText = (maxLength: number) => fc.string({ unit: anyCharacter, maxLength });
const storableText = (constraints: { minLength?: number; maxLength: number }) =>
  fc.string({ unit: 'binary', ...constraints }).map((value) => value.replaceAll('\0', '0'));

/** Label keys, including `__proto__` and other properties of a prototype, which a naive copy loses. */
const labelKey = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    '10',
    '9',
    'com.docker.compose.project',
  ),
  storableText({ maxLength: 12 }),
);

const portNumber = fc.integer({ min: 1, max: 65_535 });
const portType = fc.constantFrom('tcp', 'udp', 'sctp');

/** Ports whose fields have few distinct values, so that many ports are similar. */
export const port: fc.Arbitrary<Port> = fc
  .record(
    {
      ip: fc.constantFrom('', '0.0.0.0', '::', '127.0.0.1'),
      privatePort: fc.oneof(fc.constantFrom(80, 443), portNumber),
      publicPort: fc.oneof(fc.constantFrom(80, 8080), portNumber),
      type: portType,
      count: fc.integer({ min: 2, max: 9 }),
    },
    { requiredKeys: ['privatePort', 'type'] },
  )
  .filter(({ privatePort, publicPort = 1, count = 1 }) => Math.max(privatePort, publicPort) + count - 1 <= 65_535)
  // Shuffles the keys, because their order must not matter.
  .chain((value) => fc.shuffledSubarray(Object.entries(value), { minLength: Object.keys(value).length }))
  .map((entries) => Object.fromEntries(entries) as Port);

/** Creates an object with these own properties, including `__proto__`, as `JSON.parse` does. */
export const objectWithOwnProperties = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> => {
  const target: Record<string, T> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return target;
};

const labels = fc
  .uniqueArray(fc.tuple(labelKey, storableText({ maxLength: 8 })), { selector: ([key]) => key, maxLength: 6 })
  .map(objectWithOwnProperties);

const instant = fc
  .date({ min: new Date('0002-01-01T00:00:00Z'), max: new Date('9998-12-31T00:00:00Z'), noInvalidDate: true })
  .chain((date) => fc.constantFrom(date.toISOString(), date.toISOString().replace('Z', '+05:30')));

const dockerId = fc.stringMatching(/^[A-Za-z0-9_.-]{1,128}$/);

/** An exit with any of the optional fields. A newer agent may report a reason that this version does not know. */
const exit = fc.record(
  {
    code: fc.option(fc.constantFrom(0, 1, 137, -1, 3_221_225_477)),
    reason: fc.constantFrom('completed', 'stopped', 'crashed', 'oom', 'failed_to_start', 'unknown', 'unheard-of'),
    error: storableText({ maxLength: 20 }),
    finishedAt: fc.option(instant),
  },
  { requiredKeys: ['reason'] },
);

/** A valid container with any of the optional fields. */
const validContainer: fc.Arbitrary<ContainerInput> = fc.record(
  {
    dockerId,
    name: storableText({ minLength: 1, maxLength: 40 }),
    image: storableText({ minLength: 1, maxLength: 40 }),
    imageId: fc.option(storableText({ maxLength: 20 })),
    command: storableText({ maxLength: 40 }),
    state: fc.constantFrom('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead', 'stopped'),
    status: fc.constantFrom('', 'Up 5 minutes', 'Up 5 minutes (healthy)', 'Exited (137) 2 hours ago'),
    ports: fc.array(port, { maxLength: 5 }),
    labels,
    startedAt: fc.option(instant),
    truncated: fc.array(fc.constantFrom('command', 'labels', 'ports', 'unheard-of'), { maxLength: 4 }),
    exit: fc.option(exit),
    oomKilled: fc.option(fc.boolean()),
    restartCount: fc.option(fc.nat()),
    imageDigest: fc.option(storableText({ maxLength: 20 })),
  },
  { requiredKeys: ['dockerId', 'name', 'image', 'state'] },
);

/** Text with a length close to a limit. The limit may fall inside a surrogate pair. */
const textAround = (max: number, unit = 'x🐳é\u20ac') =>
  fc.tuple(fc.integer({ min: Math.max(1, max - 3), max: max + 5 }), fc.nat(3)).map(([length, shift]) =>
    unit
      .repeat(length)
      .slice(shift, shift + length)
      .toWellFormed(),
  );

/** A container with fields at, below and above their limits. */
export const oversizedContainer: fc.Arbitrary<ContainerInput> = fc.record(
  {
    dockerId,
    name: textAround(1_024),
    image: textAround(1_024),
    imageId: fc.option(textAround(1_024)),
    command: textAround(4_096),
    state: textAround(32),
    status: textAround(255),
    ports: fc.oneof(
      fc.array(port, { maxLength: 5 }),
      fc
        .record({ length: fc.integer({ min: 4_090, max: 4_110 }), step: fc.constantFrom(1, 2) })
        .map(({ length, step }) =>
          Array.from({ length }, (_, i) => ({ privatePort: i * step + 1, type: 'tcp' as const })),
        ),
      fc.constant<Port[]>([{ ip: 'f'.repeat(70), privatePort: 1, type: 'udp' }]),
    ),
    labels: fc.oneof(
      labels,
      fc
        .uniqueArray(fc.tuple(textAround(256), textAround(4_096)), { selector: ([key]) => key, maxLength: 24 })
        .map(objectWithOwnProperties),
      fc
        .integer({ min: 4_090, max: 4_110 })
        .map((count) => objectWithOwnProperties(Array.from({ length: count }, (_, i) => [`${i}`, '']))),
    ),
    truncated: fc.array(fc.constantFrom('command', 'labels', 'ports'), { maxLength: 2 }),
    exit: fc.option(fc.record({ reason: fc.constant('failed_to_start'), error: textAround(1_024) })),
    imageDigest: fc.option(textAround(1_024)),
  },
  { requiredKeys: ['dockerId', 'name', 'image', 'state'] },
);

export const validSnapshot = fc.uniqueArray(validContainer, {
  selector: (container) => container.dockerId,
  maxLength: 8,
});

/**
 * Snapshots that a broken or malicious agent might send. Most of these snapshots are almost valid, and some are valid.
 */
export const anySnapshot = fc.array(
  fc.record(
    {
      dockerId: fc.oneof(dockerId, fc.constantFrom('a', 'b'), anyText(3)),
      name: anyText(4),
      image: anyText(4),
      imageId: fc.option(anyText(3)),
      command: anyText(4),
      state: fc.oneof(fc.constantFrom('running', 'exited'), anyText(3)),
      status: anyText(4),
      ports: fc.array(fc.oneof({ weight: 5, arbitrary: port }, { weight: 1, arbitrary: fc.anything() }), {
        maxLength: 3,
      }),
      labels: fc
        .array(fc.tuple(fc.oneof(labelKey, anyText(3)), anyText(3)), { maxLength: 3 })
        .map(objectWithOwnProperties),
      startedAt: fc.oneof(fc.constant(null), instant, anyText(3)),
      exit: fc.anything(),
      oomKilled: fc.anything(),
      restartCount: fc.anything(),
      imageDigest: fc.oneof(anyText(3), fc.anything()),
      unknown: fc.anything(),
    },
    { requiredKeys: ['dockerId', 'name', 'image', 'state'] },
  ),
  { maxLength: 4 },
);
