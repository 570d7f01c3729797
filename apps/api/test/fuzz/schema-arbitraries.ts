/** Generates values for a schema, some of them with hostile, missing or unexpected parts. */
import fc from 'fast-check';
import { z } from 'zod';

type JsonSchema = Record<string, unknown>;

/** Values that are known to break parsers, databases or code that copies objects. */
export const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(
    ...[
      '',
      ' ',
      '\0',
      'a\0b',
      '\uD800',
      '\uDC00x',
      '\u{1F433}'.repeat(600),
      '\u202E',
      '%00',
      '../../etc',
      "' OR 1=1 --",
    ],
    ...['__proto__', 'constructor', 'NaN', '1e400', '0x10', '-0', '9'.repeat(400), 'x'.repeat(70_000)],
    ...[0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, null, true, [], {}, [[]], { $gt: '' }, { length: 1e9 }],
    ...['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-02-30T00:00:00Z', '10000-01-01T00:00:00Z'],
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Generates inputs of a zod schema, in which hostile values replace some parts. */
export const almostValidInput = (schema: z.ZodType): fc.Arbitrary<unknown> =>
  ofJsonSchema(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));

function ofJsonSchema(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: matching(schema) }, { weight: 1, arbitrary: hostileValue });
}

function matching(schema: JsonSchema): fc.Arbitrary<unknown> {
  const choices = (schema['anyOf'] ?? schema['oneOf']) as JsonSchema[] | undefined;
  if (choices) return fc.oneof(...choices.map(ofJsonSchema));
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  if ('const' in schema) return fc.constant(schema['const']);
  const types = [schema['type']].flat();
  return fc.oneof(...types.map((type) => ofType(type, schema)));
}

function ofType(type: unknown, schema: JsonSchema): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return ofString(schema);
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer(), fc.integer({ min: 0, max: 100 }));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(ofJsonSchema((schema['items'] ?? {}) as JsonSchema), { maxLength: 4 });
    case 'object':
      return ofObject(schema);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function ofString({ format, pattern, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<unknown> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'email') return fc.emailAddress();
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  const min = Math.min(minLength as number, 100);
  const text = fc.string({ minLength: min, maxLength: Math.max(min, Math.min(maxLength as number, 40)) });
  // fast-check does not support patterns with lookaround, so any string is generated instead.
  if (typeof pattern === 'string' && !/\(\?[=!<]/.test(pattern)) return fc.stringMatching(new RegExp(pattern));
  return text;
}

function ofObject(schema: JsonSchema): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const required = (schema['required'] ?? []) as string[];
  const fields = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, ofJsonSchema(value)]));
  return fc
    .tuple(
      fc.record(fields, { requiredKeys: required }),
      fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(entry, { maxLength: 2 }) }),
      // The required field that is left out, if any.
      fc.option(fc.constantFrom(...required, 'none'), { freq: 8 }),
    )
    .map(([value, more, missing]) =>
      Object.fromEntries(Object.entries({ ...value, ...Object.fromEntries(more) }).filter(([key]) => key !== missing)),
    );
}

const entry = fc.tuple(fc.oneof(fc.constantFrom('__proto__', 'constructor', '', 'x'), fc.string()), hostileValue);
