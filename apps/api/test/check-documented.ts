import { addFormats, Ajv2020 } from './ajv.js';
import { createOpenApiDocument } from '../src/openapi/document.js';
import type { OpenApiOperation, OpenApiResponse } from '../src/openapi/document-shape.js';
import type { Problem } from '@muster/contracts';
import type { Response, Test } from 'supertest';

/** Statuses with which any call can be refused. An operation need not list them: its response `default` covers them. */
const COMMON_REFUSALS: ReadonlySet<number> = new Set([405, 408, 417, 431]);

type Json = { [key: string]: Json } | Json[] | string | number | boolean | null;

/** Returns the document with schemas that allow only their listed fields, so that an undocumented field is an error. */
function closeSchemas(json: Json): Json {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(closeSchemas);
  const { example: _example, examples: _examples, ...rest } = json;
  const closedSchema = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, closeSchemas(value)]));
  const isObject = closedSchema['type'] === 'object' && closedSchema['properties'] !== undefined;
  return isObject ? { additionalProperties: false, ...closedSchema } : closedSchema;
}

const document = createOpenApiDocument();
const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
addFormats(ajv);
ajv.addSchema(closeSchemas(document as unknown as Json) as object, 'answers');
ajv.addSchema(document, 'requests');

const pointer = (...path: (string | number)[]) =>
  path.map((part) => `/${encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/** Validates a value against the schema at a path in the document. Returns the errors, or null if there are none. */
export function validationErrors(
  where: 'answers' | 'requests',
  value: unknown,
  ...path: (string | number)[]
): string | null {
  const validate = ajv.getSchema(`${where}#${pointer(...path)}`);
  if (validate === undefined) throw new Error(`the document has no schema at ${path.join(' ')}`);
  return validate(value) === true ? null : ajv.errorsText(validate.errors);
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method,
    operation,
    matches: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i'),
  })),
);

/**
 * Checks the status, headers and body of a response against the document. For a 2xx response, it also checks the body
 * of the request. An undocumented field in the response is an error.
 * @throws Error that states the difference.
 */
function check(response: Response, sent: unknown): void {
  const { method = '', path: url } = (response as unknown as { req: { method?: string; path: string } }).req;
  const path = url.split('?', 1)[0]!;
  const callName = `${method} ${path} → ${response.status}`;
  const documentedMethod = method === 'HEAD' ? 'get' : method.toLowerCase();
  const found = operations.find((one) => one.method === documentedMethod && one.matches.test(path));
  if (found === undefined) {
    // An unknown path or method is not documented, but its error format is.
    if (method !== 'HEAD' && response.status >= 400) checkProblem(callName, response);
    return;
  }
  const { operation } = found;
  const { key, documented } = responseOf(callName, operation, response.status);
  for (const [name, { $ref }] of Object.entries(documented.headers ?? {})) {
    const header = document.components['headers']![$ref.split('/').pop()!] as { required?: boolean };
    if (header.required === true && response.headers[name.toLowerCase()] === undefined) {
      throw new Error(`${callName}: the header ${name} is missing`);
    }
  }
  if (method === 'HEAD') return;
  if (response.status >= 400) checkProblem(callName, response);
  else checkAnswer(callName, response, documented, ['paths', found.path, found.method, 'responses', key]);
  if (response.status < 300) checkRequest(callName, operation, sent, ['paths', found.path, found.method]);
}

function responseOf(callName: string, { responses }: OpenApiOperation, status: number) {
  const key = responses[status] === undefined && COMMON_REFUSALS.has(status) ? 'default' : String(status);
  const response = responses[key];
  if (response === undefined) throw new Error(`${callName}: this status is not documented`);
  const named = response.$ref?.split('/').pop();
  const documented = named === undefined ? response : (document.components['responses']![named] as OpenApiResponse);
  return { key, documented };
}

function checkProblem(callName: string, { type, body }: Response): void {
  if (type !== 'application/problem+json') throw new Error(`${callName}: ${type} is not a problem document`);
  const mismatch =
    validationErrors('answers', body, 'components', 'schemas', 'Problem') ??
    validationErrors('answers', (body as Problem).type, 'components', 'schemas', 'ProblemType');
  if (mismatch !== null) throw new Error(`${callName}: ${mismatch}`);
}

function checkAnswer(callName: string, response: Response, documented: OpenApiResponse, path: string[]): void {
  if (documented.content === undefined) {
    if (response.text) throw new Error(`${callName}: a body is not documented`);
    return;
  }
  if (documented.content[response.type] === undefined)
    throw new Error(`${callName}: ${response.type} is not documented`);
  if (response.type !== 'application/json') return;
  const mismatch = validationErrors('answers', response.body, ...path, 'content', response.type, 'schema');
  if (mismatch !== null) throw new Error(`${callName}: ${mismatch}`);
}

function checkRequest(callName: string, operation: OpenApiOperation, sent: unknown, path: string[]): void {
  // A compressed body is not checked.
  if (operation.requestBody === undefined || sent === undefined || Buffer.isBuffer(sent)) return;
  const body: unknown = typeof sent === 'string' ? JSON.parse(sent) : sent;
  const mismatch = validationErrors('requests', body, ...path, 'requestBody', 'content', 'application/json', 'schema');
  if (mismatch !== null)
    throw new Error(`${callName}: the request was accepted but violates the document: ${mismatch}`);
}

/** Makes a supertest agent check each response against the OpenAPI document: `agent.use(checkDocumented)`. */
export function checkDocumented(request: object): void {
  const test = request as Test & { _data?: unknown };
  // supertest records a stack trace for each `expect`. Traces do not help here and take most of the time, so traces are
  // switched off.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  void test.expect((response) => check(response, test._data));
  Error.stackTraceLimit = stackTraceLimit;
}
