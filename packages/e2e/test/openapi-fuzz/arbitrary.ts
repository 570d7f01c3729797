/** Generates values from a JSON Schema. Parts of a value can violate the schema. */
import fc from 'fast-check';

export type JsonSchema = Record<string, unknown>;

/** Returns the schema that a `$ref` refers to. */
export type Resolve = (ref: string) => JsonSchema;

/** Values that are known to break parsers, databases and code that copies objects. */
export const hostileValues = fc.oneof(
  fc.constantFrom<unknown>(
    ...['', ' ', '\0', 'a\0b', '\uD800', '\uDC00x', '\u{1F433}'.repeat(600), '\u202E', '%00', '../../etc'],
    ...["' OR 1=1 --", '__proto__', 'constructor', 'NaN', '1e400', '0x10', '-0', '9'.repeat(400), 'x'.repeat(70_000)],
    ...[0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, null, true, [], {}, [[]], { $gt: '' }, { length: 1e9 }],
    ...['0001-01-01T00:00:00Z', '9999-12-31T23:59:59-14:00', '2026-02-30T00:00:00Z', '10000-01-01T00:00:00Z'],
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Returns values that match a schema, except that a hostile value may replace any part of them. */
export function nearlyMatching(schema: JsonSchema, resolve: Resolve): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: matching(schema, resolve) }, { weight: 1, arbitrary: hostileValues });
}

function matching(schema: JsonSchema, resolve: Resolve): fc.Arbitrary<unknown> {
  if (typeof schema['$ref'] === 'string') return matching(resolve(schema['$ref']), resolve);
  const choices = (schema['anyOf'] ?? schema['oneOf']) as JsonSchema[] | undefined;
  if (choices) return fc.oneof(...choices.map((choice) => nearlyMatching(choice, resolve)));
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if ('const' in schema) return fc.constant(schema['const']);
  return fc.oneof(...[schema['type']].flat().map((type) => ofType(type, schema, resolve)));
}

function ofType(type: unknown, schema: JsonSchema, resolve: Resolve): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return ofString(schema);
    case 'integer':
    case 'number':
      return ofNumber(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(nearlyMatching((schema['items'] ?? {}) as JsonSchema, resolve), { maxLength: 4 });
    case 'object':
      return ofObject(schema, resolve);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function ofNumber({ minimum = -100, maximum = 1_000_000 }: JsonSchema): fc.Arbitrary<unknown> {
  const [min, max] = [minimum as number, Math.max(minimum as number, maximum as number)];
  return fc.oneof(fc.integer({ min, max: Math.min(max, 2 ** 31) }), fc.constantFrom(min, max, max + 1, min - 1));
}

/** Instants in every form of RFC 3339 and in its whole range of years. */
const instants = fc
  .tuple(
    fc.date({ noInvalidDate: true, min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z') }),
    fc.constantFrom('Z', 'z', '+00:00', '-14:00', '+02:00', '+23:59'),
    fc.constantFrom('T', 't'),
  )
  .map(([date, offset, letter]) => date.toISOString().replace('T', letter).replace('Z', offset));

function ofString({ format, pattern, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<unknown> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'email') return fc.emailAddress();
  if (format === 'date-time') return instants;
  const min = Math.min(minLength as number, 100);
  const text = fc.string({ minLength: min, maxLength: Math.max(min, Math.min(maxLength as number, 40)) });
  // fast-check can generate strings only from simple patterns. For other patterns, this function generates arbitrary
  // strings.
  if (typeof pattern !== 'string' || /\(\?[=!<]|\[\^|\\[pPsS]/.test(pattern)) return text;
  return fc.stringMatching(new RegExp(pattern));
}

function ofObject(schema: JsonSchema, resolve: Resolve): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const required = (schema['required'] ?? []) as string[];
  const fields = Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [key, nearlyMatching(value, resolve)]),
  );
  const entry = fc.tuple(
    fc.oneof(fc.constantFrom('__proto__', 'constructor', '', 'x'), fc.string()),
    schema['additionalProperties'] instanceof Object ? fc.string() : hostileValues,
  );
  return fc
    .tuple(
      fc.record(fields, { requiredKeys: required }),
      fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(entry, { maxLength: 2 }) }),
      // The name of a required property to omit.
      fc.option(fc.constantFrom(...required, 'none'), { freq: 12 }),
    )
    .map(([value, more, missing]) =>
      Object.fromEntries(Object.entries({ ...value, ...Object.fromEntries(more) }).filter(([key]) => key !== missing)),
    );
}
