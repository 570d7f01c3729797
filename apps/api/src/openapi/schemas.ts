import * as contracts from '@muster/contracts';
import { z } from 'zod';
import type { JsonSchema } from './document-shape.js';
import { EXAMPLES } from './examples.js';

/** JSON Schemas by name. */
type NamedSchemas = Record<string, JsonSchema>;

/**
 * Maps each exported schema of the contracts to its name in the OpenAPI document. If a schema is exported under several
 * names, the first is used.
 */
const SCHEMA_NAMES = new Map<z.ZodType, string>();
for (const [name, value] of Object.entries(contracts)) {
  if (value instanceof z.ZodType && !SCHEMA_NAMES.has(value)) SCHEMA_NAMES.set(value, name);
}

/** Returns the component name of a schema, or null for a schema that is inlined. */
export const nameOf = (schema: z.ZodType): string | null => SCHEMA_NAMES.get(schema) ?? null;

const refTo = (name: string): string => `#/components/schemas/${name}`;

const NO_NUL_PATTERN = String.raw`^[^\u0000]*$`;

/** JSON Schemas of contracts with a handwritten parser, for which zod cannot generate a JSON Schema. */
const HANDWRITTEN_SCHEMAS = new Map<z.core.$ZodType, JsonSchema>([
  [contracts.Ports, { type: 'array', items: { $ref: refTo('Port') } }],
  [
    contracts.Labels,
    {
      type: 'object',
      propertyNames: { pattern: NO_NUL_PATTERN },
      additionalProperties: { type: 'string', pattern: NO_NUL_PATTERN },
    },
  ],
  [contracts.ContainerState, { pattern: String.raw`^[^A-Z\u0000]*$` }],
]);

/**
 * Generates the JSON Schemas of all named schemas, and of the `unnamed` schemas under temporary names.
 *
 * Requests and responses use the input form of the schemas. In responses, fields with a default are also required,
 * because the server always sends them.
 */
function jsonSchemas(unnamed: ReadonlyMap<z.ZodType, string>, direction: 'requests' | 'answers'): NamedSchemas {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of SCHEMA_NAMES) registry.add(schema, { id });
  for (const [schema, id] of unnamed) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    unrepresentable: 'any',
    uri: refTo,
    override: ({ zodSchema, jsonSchema }) => {
      const json = jsonSchema as JsonSchema;
      Object.assign(json, HANDWRITTEN_SCHEMAS.get(zodSchema));
      describeParsedType(zodSchema, json);
      removeRedundantKeywords(json);
      if (direction === 'answers') requireDefaults(zodSchema, json);
    },
  });
  // These keywords are for standalone files, but the schemas are part of a document.
  for (const json of Object.values(schemas) as JsonSchema[]) {
    delete json['$schema'];
    delete json['$id'];
  }
  return schemas;
}

/**
 * Adapts the JSON Schema of a query parameter that is sent as text and parsed to another type. The `meta` of the
 * parameter's schema states that type. Removes the `enum` that zod generates for the text. Adds the default, because
 * zod omits a default that is not a string.
 */
function describeParsedType(zodSchema: z.core.$ZodType, json: JsonSchema): void {
  if (z.globalRegistry.get(zodSchema)?.['type'] === undefined) return;
  delete json['enum'];
  const absent = z.safeParse(zodSchema, undefined);
  if (absent.success) json['default'] = absent.data;
}

/** Removes keywords that are redundant because of another keyword. */
function removeRedundantKeywords(json: JsonSchema): void {
  if (json['format'] === 'uuid' || json['format'] === 'date-time' || json['format'] === 'email') delete json['pattern'];
  if (json['maximum'] === Number.MAX_SAFE_INTEGER) delete json['maximum'];
  if (json['minimum'] === Number.MIN_SAFE_INTEGER) delete json['minimum'];
  if (json['minLength'] === 0) delete json['minLength'];
}

function requireDefaults(zodSchema: z.core.$ZodTypes, json: JsonSchema): void {
  delete json['default'];
  if (zodSchema._zod.def.type !== 'object') return;
  const fields = Object.entries(zodSchema._zod.def.shape);
  json['required'] = fields.filter(([, field]) => field._zod.optout !== 'optional').map(([name]) => name);
}

/** The schemas of all operations in one direction, and the components to which they refer. */
export interface SchemaRegistry {
  /** Returns a reference to a named schema, or the inlined schema. */
  refOrInline(schema: z.ZodType): JsonSchema;
  /** Returns the schema itself, never a reference. */
  resolve(schema: z.ZodType): JsonSchema;
  components: NamedSchemas;
}

/**
 * Generates the JSON Schemas for one direction, with one component for each named schema. `whole` contains the schemas
 * of bodies, and `inFields` the schemas of objects whose fields become parameters.
 */
export function createSchemaRegistry(
  { whole, inFields = [] }: { whole: readonly z.ZodType[]; inFields?: readonly z.ZodType[] },
  direction: 'requests' | 'answers',
): SchemaRegistry {
  const usedSchemas = [...whole, ...inFields];
  const unnamed = new Map(
    usedSchemas.filter((schema) => nameOf(schema) === null).map((schema, i) => [schema, `unnamed ${i}`]),
  );
  const all = jsonSchemas(unnamed, direction);
  const resolve = (schema: z.ZodType): JsonSchema => all[nameOf(schema) ?? unnamed.get(schema)!]!;
  const refOrInline = (schema: z.ZodType): JsonSchema => {
    const name = nameOf(schema);
    return name === null ? resolve(schema) : { $ref: refTo(name) };
  };

  const components: NamedSchemas = {};
  const addReferencedComponents = (json: JsonSchema) => {
    for (const name of referencesIn(json)) {
      if (Object.hasOwn(components, name)) continue;
      const example = EXAMPLES[name];
      components[name] = { ...all[name]!, ...(example === undefined ? {} : { examples: [example] }) };
      addReferencedComponents(all[name]!);
    }
  };
  for (const schema of whole) addReferencedComponents(refOrInline(schema));
  for (const schema of inFields) addReferencedComponents(resolve(schema));
  return { refOrInline, resolve, components };
}

/** Returns the names of the components to which a schema refers. */
const referencesIn = (json: unknown): string[] => {
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value.slice(refTo('').length)] : referencesIn(value),
  );
};
