import { StreamMessages, type Operation, type StreamMessageName } from '@muster/contracts';
import { z } from 'zod';
import type { JsonSchema, OpenApiMedia, OpenApiOperation, OpenApiResponse } from './document-shape.js';
import { EXAMPLES } from './examples.js';
import { headerReferences } from './headers.js';
import { PATH_PARAMETERS, QUERY_EXAMPLES, QUERY_PARAMETERS, REQUEST_HEADERS } from './parameters.js';
import { problemResponsesOf } from './problems.js';
import { nameOf, type SchemaRegistry } from './schemas.js';
import { SECURITY_BY_ACCESS, ACCESS_DESCRIPTIONS } from './security.js';

interface Schemas {
  requests: SchemaRegistry;
  answers: SchemaRegistry;
}

/** Creates the OpenAPI description of one operation. */
export function describeOperation(name: string, operation: Operation, schemas: Schemas): OpenApiOperation {
  const { summary, description, access, body, answers } = operation;
  const descriptions = [description, ACCESS_DESCRIPTIONS[access], ...(name === 'stream' ? [streamDescription()] : [])];
  const successResponses = Object.entries(answers).map(([status, answer]) => [
    status,
    describeAnswer(operation, Number(status), answer, schemas.answers),
  ]);
  return {
    operationId: name,
    summary,
    description: descriptions.join('\n\n'),
    security: SECURITY_BY_ACCESS[access],
    parameters: [
      ...pathParameters(operation),
      ...queryParameters(operation, schemas.requests),
      ...headerParameters(name, operation, schemas.requests),
    ],
    ...(body === undefined ? {} : { requestBody: { required: true, content: jsonContent(body, schemas.requests) } }),
    responses: {
      ...(Object.fromEntries(successResponses) as Record<string, OpenApiResponse>),
      ...(hasETag(operation) ? { 304: NOT_MODIFIED } : {}),
      ...problemResponsesOf(operation),
    },
  };
}

const NOT_MODIFIED: OpenApiResponse = {
  description: 'Not modified: the ETag equals If-None-Match.',
  headers: headerReferences('X-Request-Id', 'ETag'),
};

/**
 * Whether an operation supports conditional requests. All operations that read JSON do, except those that agents call.
 */
const hasETag = ({ method, access, answers }: Operation): boolean =>
  method === 'GET' && access !== 'agent' && (answers[200] instanceof z.ZodType || answers[200] === 'application/json');

function describeAnswer(
  operation: Operation,
  status: number,
  answer: z.ZodType | string | null,
  schemas: SchemaRegistry,
): OpenApiResponse {
  const isRedirect = status === 303;
  return {
    description: isRedirect ? 'See `Location`.' : answer === null ? 'Done.' : 'OK.',
    headers: {
      ...headerReferences('X-Request-Id'),
      ...(hasETag(operation) ? headerReferences('ETag') : {}),
      ...(operation.access === 'agent' ? headerReferences('RateLimit', 'RateLimit-Policy') : {}),
      ...(isRedirect ? headerReferences('Location') : {}),
      ...(operation.opensSession ? headerReferences('Set-Cookie') : {}),
    },
    ...(answer === null
      ? {}
      : { content: typeof answer === 'string' ? mediaTypeContent(answer) : jsonContent(answer, schemas) }),
  };
}

/** The media types of exports. The parameter `format` selects one. */
const EXPORT_MEDIA_TYPES = ['text/csv', 'application/x-ndjson'];

/** The schemas of bodies that are not text. Generated clients return `binary` as bytes or a file. */
const NON_TEXT_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  'application/json': {},
  'application/octet-stream': { type: 'string', format: 'binary' },
};

const mediaTypeContent = (mediaType: string): Record<string, OpenApiMedia> =>
  Object.fromEntries(
    (mediaType === 'text/csv' ? EXPORT_MEDIA_TYPES : [mediaType]).map((type) => [
      type,
      { schema: NON_TEXT_SCHEMAS[type] ?? { type: 'string' } },
    ]),
  );

function jsonContent(schema: z.ZodType, schemas: SchemaRegistry): Record<string, OpenApiMedia> {
  const example = exampleOf(schema);
  return {
    'application/json': { schema: schemas.refOrInline(schema), ...(example === undefined ? {} : { example }) },
  };
}

/**
 * Returns the example in a schema's metadata or, for a named schema, in `EXAMPLES`. Builds an example for a list whose
 * items have an example, and for an object of literals. The example of a union is that of its first schema.
 */
function exampleOf(schema: z.ZodType): unknown {
  const [ownExample] = (schema.meta()?.['examples'] as unknown[] | undefined) ?? [];
  if (ownExample !== undefined) return ownExample;
  const name = nameOf(schema);
  if (name !== null && name in EXAMPLES) return EXAMPLES[name];
  if (schema instanceof z.ZodUnion) return exampleOf(schema.options[0] as z.ZodType);
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
    name,
    in: 'path',
    required: true,
    ...PATH_PARAMETERS[name],
  }));
}

/** Returns the name, JSON Schema and required flag of each field of an object schema. */
function fieldsOf(schema: z.ZodType | undefined, schemas: SchemaRegistry): [string, JsonSchema, boolean][] {
  if (schema === undefined) return [];
  const { properties, required = [] } = schemas.resolve(schema) as {
    properties: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, field]) => [name, field, required.includes(name)]);
}

function queryParameters({ query }: Operation, schemas: SchemaRegistry): object[] {
  return fieldsOf(query, schemas).map(([name, schema, required]) => ({
    name,
    in: 'query',
    required,
    description: schema['description'] ?? QUERY_PARAMETERS[name],
    schema,
    ...(required ? { example: QUERY_EXAMPLES[name] } : {}),
    // Lists are sent as `state=exited&state=dead`, because values can contain commas.
    ...(schema['type'] === 'array' ? { style: 'form', explode: true } : {}),
  }));
}

function headerParameters(operationId: string, operation: Operation, schemas: SchemaRegistry): object[] {
  const ownParameters = fieldsOf(operation.headers, schemas).map(([name, schema]) => ({
    in: 'header',
    ...REQUEST_HEADERS[name],
    schema: REQUEST_HEADERS[name]?.schema ?? schema,
  }));
  const header = (name: string, description: string, schema: JsonSchema) => ({
    name,
    in: 'header',
    description,
    schema,
  });
  const commonParameters = [
    ...(hasETag(operation)
      ? [
          header('If-None-Match', 'The ETag of an earlier response. The response is 304 if the ETag has not changed.', {
            type: 'string',
          }),
        ]
      : []),
    ...(operation.body === undefined
      ? []
      : [
          header('Content-Encoding', 'The compression of the body.', {
            type: 'string',
            enum: ['identity', 'gzip', 'x-gzip'],
          }),
        ]),
    ...(operationId === 'stream'
      ? [header('Last-Event-ID', 'Resumes the stream after the message with this id.', { type: 'string' })]
      : []),
  ];
  return [...ownParameters, ...commonParameters];
}

/** The meaning of each message of the stream. */
const MESSAGE_MEANINGS: Readonly<Record<StreamMessageName, string>> = {
  summary: 'the fleet’s counts: first on each connection, and again after each change.',
  container: 'one committed change of a container.',
  'host-event': 'one event of a host, such as the beginning of a silence.',
  host: 'a host was enrolled, or its name, counts, engine or freshness changed.',
  'host-deleted': 'a host and its containers were deleted.',
  freshness: 'the freshness of each host that is not online, after the first `summary` of each connection.',
  'hosts-changed': 'too many hosts changed to send each one: read the hosts again. No container event was lost.',
  reset:
    'events were skipped, because `Last-Event-ID` is unknown, too many events followed it, the next one is more than ' +
    'a day old, or the database was restarted or lost a part of its history: read the lists again.',
  lagging: 'events after `since` are delayed, until `caught-up`.',
  'caught-up': 'the delay is over: all committed events have been sent.',
  heartbeat: 'sent every 15 s, whether or not anything changed.',
  unauthorized: 'the API key or session is no longer valid; the last message.',
};

/** Describes the messages of the stream. */
function streamDescription(): string {
  const messages = Object.entries(StreamMessages).map(([name, schema]) => {
    const data = nameOf(schema) ?? `{ ${Object.keys(schema.shape).join(', ')} }`.replace(/\s+/g, ' ');
    return `- \`${name}\` (\`${data}\`): ${MESSAGE_MEANINGS[name as StreamMessageName]}`;
  });
  return [
    'The `event` of each message is one of the names below, and its `data` is JSON of the type in parentheses. A newer',
    'server may send further events: ignore unknown ones.',
    '',
    ...messages,
    '',
    '`container` and `reset` carry an `id`. The stream also sends ids without a message. To resume without loss after a',
    'disconnect, send the last `id` as `Last-Event-ID`.',
  ].join('\n');
}
