import { StreamMessages, type Operation } from '@muster/contracts';
import { z } from 'zod';
import type { JsonSchema, OpenApiMedia, OpenApiOperation, OpenApiResponse } from './document-shape.js';
import { EXAMPLES } from './examples.js';
import { headers } from './headers.js';
import { PATH_PARAMETERS, QUERY_PARAMETERS, REQUEST_HEADERS } from './parameters.js';
import { refusalsOf } from './problems.js';
import { nameOf, type ReferredSchemas } from './schemas.js';
import { SECURITY, WHO } from './security.js';

interface Schemas {
  requests: ReferredSchemas;
  answers: ReferredSchemas;
}

/** Describes one call. */
export function describeOperation(name: string, operation: Operation, schemas: Schemas): OpenApiOperation {
  const { summary, access, body, answers } = operation;
  const descriptions = [WHO[access], name === 'stream' ? streamDescription() : undefined].filter(Boolean);
  const answered = Object.entries(answers).map(([status, answer]) => [
    status,
    describeAnswer(name, operation, Number(status), answer, schemas.answers),
  ]);
  return {
    operationId: name,
    summary,
    ...(descriptions.length === 0 ? {} : { description: descriptions.join('\n\n') }),
    security: SECURITY[access],
    parameters: [
      ...pathParameters(operation),
      ...queryParameters(operation, schemas.requests),
      ...headerParameters(name, operation, schemas.requests),
    ],
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body, schemas.requests) } }),
    responses: {
      ...(Object.fromEntries(answered) as Record<string, OpenApiResponse>),
      ...(hasETag(operation) ? { 304: NOT_MODIFIED } : {}),
      ...refusalsOf(operation),
    },
  };
}

const NOT_MODIFIED: OpenApiResponse = {
  description: 'It is as If-None-Match names it.',
  headers: headers('X-Request-Id', 'ETag'),
};

/** Reads can be asked whether they still hold: all of operators' that are JSON. */
const hasETag = ({ method, access, answers }: Operation): boolean =>
  method === 'GET' && access !== 'agent' && (answers[200] instanceof z.ZodType || answers[200] === 'application/json');

/** The calls whose answer sets the session's cookie. */
const SIGNS_IN: ReadonlySet<string> = new Set(['setUp', 'signIn', 'acceptInvitation', 'finishOidcSignIn']);

function describeAnswer(
  name: string,
  operation: Operation,
  status: number,
  answer: z.ZodType | string | null,
  schemas: ReferredSchemas,
): OpenApiResponse {
  const leadsOn = status === 303;
  return {
    description: leadsOn ? 'Go on there.' : answer === null ? 'It is done.' : 'The answer.',
    headers: {
      ...headers('X-Request-Id'),
      ...(hasETag(operation) ? headers('ETag') : {}),
      ...(operation.access === 'agent' ? headers('RateLimit', 'RateLimit-Policy') : {}),
      ...(leadsOn ? headers('Location') : {}),
      ...(SIGNS_IN.has(name) ? headers('Set-Cookie') : {}),
    },
    ...(answer === null ? {} : { content: typeof answer === 'string' ? text(answer) : json(answer, schemas) }),
  };
}

/** What is written in lines can be had in either of two forms; `format` asks for one. */
const LINES = ['text/csv', 'application/x-ndjson'];

const text = (mediaType: string): Record<string, OpenApiMedia> =>
  Object.fromEntries(
    (mediaType === 'text/csv' ? LINES : [mediaType]).map((type) => [
      type,
      { schema: type === 'application/json' ? {} : { type: 'string' } },
    ]),
  );

function json(schema: z.ZodType, schemas: ReferredSchemas): Record<string, OpenApiMedia> {
  const example = exampleOf(schema);
  return {
    'application/json': { schema: schemas.of(schema), ...(example === undefined ? {} : { example }) },
  };
}

/** The example of a schema that has a name, or of one whose only field that needs one is a list of such. */
function exampleOf(schema: z.ZodType): unknown {
  const name = nameOf(schema);
  if (name !== null) return EXAMPLES[name];
  if (!(schema instanceof z.ZodObject)) return undefined;
  const { items, nextCursor, ...others } = schema.shape as Record<string, z.ZodType | undefined>;
  if (items instanceof z.ZodArray) {
    return {
      items: [exampleOf(items.element as z.ZodType)],
      ...(nextCursor === undefined ? {} : { nextCursor: null }),
    };
  }
  return Object.fromEntries(Object.entries(others).map(([key, value]) => [key, (value as z.ZodLiteral).value]));
}

function pathParameters({ path }: Operation): object[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true },
    ...PATH_PARAMETERS[name],
  }));
}

/** The fields of an object's schema, which its JSON Schema calls properties. */
function fieldsOf(schema: z.ZodType | undefined, schemas: ReferredSchemas): [string, JsonSchema, boolean][] {
  if (schema === undefined) return [];
  const { properties, required = [] } = schemas.resolve(schema) as {
    properties: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, field]) => [name, field, required.includes(name)]);
}

function queryParameters({ query }: Operation, schemas: ReferredSchemas): object[] {
  return fieldsOf(query, schemas).map(([name, schema, required]) => ({
    ...{ name, in: 'query', required, description: schema['description'] ?? QUERY_PARAMETERS[name], schema },
    // Repeated, as `state=exited&state=dead`; some contain commas.
    ...(schema['type'] === 'array' ? { style: 'form', explode: true } : {}),
  }));
}

function headerParameters(operationId: string, operation: Operation, schemas: ReferredSchemas): object[] {
  const own = fieldsOf(operation.headers, schemas).map(([name, schema]) => ({
    ...{ in: 'header', ...REQUEST_HEADERS[name], schema },
  }));
  const header = (name: string, description: string, schema: JsonSchema) => ({
    name,
    in: 'header',
    description,
    schema,
  });
  const more = [
    ...(hasETag(operation)
      ? [header('If-None-Match', 'The ETag of an earlier answer: 304 if it still holds.', { type: 'string' })]
      : []),
    ...(operation.body === undefined
      ? []
      : [header('Content-Encoding', 'How the body is compressed.', { enum: ['identity', 'gzip', 'x-gzip'] })]),
    ...(operationId === 'stream'
      ? [header('Last-Event-ID', 'Go on after this message, without a loss.', { type: 'string' })]
      : []),
  ];
  return [...own, ...more];
}

/** What comes of a stream, by the names of its messages. */
function streamDescription(): string {
  const messages = Object.entries(StreamMessages).map(([name, schema]) => {
    const data = nameOf(schema) ?? `{ ${Object.keys(schema.shape).join(', ')} }`.replace(/\s+/g, ' ');
    return `- \`${name}\`: \`${data}\``;
  });
  return [
    'Each message’s `event` is one of these, with JSON as its `data`. More may be added: ignore those that you do not know.',
    ...messages,
    '',
    'An `id`, which also comes without a message, is what `Last-Event-ID` continues from. After `lagging`, changes since',
    '`since` are late, until `caught-up`. `reset` says that some are missing: read the lists again.',
  ].join('\n');
}
