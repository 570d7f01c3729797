import addFormatsModule from 'ajv-formats';
import ajvModule from 'ajv/dist/2020.js';
import type { JsonSchema } from './arbitrary.js';

// The types of these CommonJS packages describe `module.exports`, so the class and the function are properties of the
// import.
const { Ajv2020 } = ajvModule;
const addFormats = addFormatsModule.default;

/** The parts of an OpenAPI 3.1 document that the fuzzer reads. */
export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, JsonSchema>;
    responses?: Record<string, Response>;
    headers?: Record<string, { required?: boolean }>;
  };
}
export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: JsonSchema;
}
interface Response {
  $ref?: string;
  content?: Record<string, { schema: JsonSchema }>;
  headers?: Record<string, { $ref: string }>;
}
interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, Response>;
  security?: Record<string, unknown>[];
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One operation, with checks of its requests and responses against the document. */
export interface DocumentedOperation {
  id: string;
  method: string;
  path: string;
  parameters: Parameter[];
  bodySchema: JsonSchema | null;
  /** Names of the security schemes. A call needs credentials of only one of them. */
  schemes: string[];
  /** Returns whether the document allows these values of a parameter. Only a repeated parameter has several values. */
  allows(parameter: Parameter, values: readonly string[]): boolean;
  allowsBody(value: unknown): boolean;
  /** Returns how a response differs from the document, or null if it matches the document. */
  faultOf(answer: Answer): string | null;
}

/**
 * The statuses with which the server can refuse any call. No operation lists them, because the `default` response
 * covers them.
 */
const COMMON_REFUSALS: ReadonlySet<number> = new Set([405, 408, 417, 431]);

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;

/** Closes all schemas of a document, so that a response with an undocumented field does not match. */
function closeSchemas(json: Json): Json {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(closeSchemas);
  const { example: _example, examples: _examples, ...rest } = json;
  const closedRest = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, closeSchemas(value)]));
  const isObject = closedRest['type'] === 'object' && closedRest['properties'] !== undefined;
  return isObject ? { additionalProperties: false, ...closedRest } : closedRest;
}

/** Returns the operations of a document. */
export function operationsOf(document: OpenApi): DocumentedOperation[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  addFormats(ajv);
  ajv.addSchema(closeSchemas(document as unknown as Json) as object, 'answers');
  ajv.addSchema(document, 'requests');

  const faultsAt = (where: string, value: unknown, ...path: string[]): string | null => {
    const pointer = path.map((part) => `/${encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))}`);
    const validate = ajv.getSchema(`${where}#${pointer.join('')}`);
    if (validate === undefined) throw new Error(`the document has no schema at ${path.join(' ')}`);
    return validate(value) === true ? null : ajv.errorsText(validate.errors);
  };

  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): DocumentedOperation => {
      const { parameters = [], requestBody, responses } = operation;
      const at = ['paths', path, method];
      return {
        ...{ id: operation.operationId, method: method.toUpperCase(), path, parameters },
        bodySchema: requestBody?.content['application/json']?.schema ?? null,
        schemes: (operation.security ?? []).flatMap((scheme) => Object.keys(scheme)),

        allows(parameter, values) {
          const index = String(parameters.indexOf(parameter));
          const isList = parameter.schema['type'] === 'array';
          if (!isList && values.length > 1) return false;
          const schema = (isList ? parameter.schema['items'] : parameter.schema) as JsonSchema;
          const typed = values.map((value) => toTyped(value, schema['type']));
          return faultsAt('requests', isList ? typed : typed[0], ...at, 'parameters', index, 'schema') === null;
        },
        allowsBody: (value) =>
          faultsAt('requests', value, ...at, 'requestBody', 'content', 'application/json', 'schema') === null,

        faultOf({ status, headers, body }) {
          const key = responses[status] === undefined && COMMON_REFUSALS.has(status) ? 'default' : String(status);
          const named = responses[key]?.$ref?.split('/').pop();
          const response = named === undefined ? responses[key] : document.components.responses?.[named];
          if (response === undefined) return `the status ${status} is not documented`;
          for (const [name, { $ref }] of Object.entries(response.headers ?? {})) {
            const header = document.components.headers?.[$ref.split('/').pop()!];
            if (header?.required === true && headers[name.toLowerCase()] === undefined) return `${name} is missing`;
          }
          const type = String(headers['content-type'] ?? '').split(';', 1)[0]!;
          if (status >= 400) {
            if (type !== 'application/problem+json') return `${type} is not a problem document`;
            return faultsAt('answers', JSON.parse(body), 'components', 'schemas', 'Problem');
          }
          if (response.content === undefined) return body === '' ? null : 'a body is not documented';
          if (response.content[type] === undefined) return `the type ${type} is not documented`;
          if (type !== 'application/json') return null;
          return faultsAt('answers', JSON.parse(body), ...at, 'responses', key, 'content', type, 'schema');
        },
      };
    }),
  );
}

/**
 * Returns the integer or boolean that a text represents. Returns any other text unchanged, and a schema of this type
 * then rejects the text.
 */
function toTyped(text: string, type: unknown): number | boolean | string {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}
