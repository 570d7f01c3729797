import { Operations, Problem, StreamMessages, type Operation } from '@muster/contracts';
import { z } from 'zod';
import type { JsonSchema, OpenApiDocument } from './document-shape.js';
import { HEADERS } from './headers.js';
import { describeOperation } from './operation.js';
import { problemResponses } from './problems.js';
import { referredSchemas } from './schemas.js';
import { SECURITY_SCHEMES } from './security.js';

/** The version of what is documented; a test holds it equal to package.json's. */
const API_VERSION = '0.1.0';

const DESCRIPTION = `Muster keeps an exact inventory of the containers on a fleet of hosts. Agents post snapshots; operators read what is there, what changed, and how old each fact is.

Every refusal is \`application/problem+json\` (RFC 9457) with a \`type\` that stays as it is and the \`requestId\` that the log knows. Lists come in pages: go on with \`cursor\` until \`nextCursor\` is null. Reads carry an \`ETag\`. What is not documented here may be added to any answer.`;

const TAGS: readonly { name: string; description: string; prefixes: readonly string[] }[] = [
  { name: 'Agents', description: 'What agents call.', prefixes: ['/api/agent/'] },
  {
    name: 'Inventory',
    description: 'Hosts, their containers, and what follows from them.',
    prefixes: ['/api/hosts', '/api/containers', '/api/summary', '/api/images', '/api/ports', '/api/projects'],
  },
  { name: 'History', description: 'What happened.', prefixes: ['/api/events', '/api/audit', '/api/stream'] },
  { name: 'Exports', description: 'All of it, in one file.', prefixes: ['/api/export/'] },
  { name: 'Enrollment', description: 'What lets hosts in.', prefixes: ['/api/enrollment-tokens'] },
  { name: 'Accounts', description: 'People, their sessions, and API keys.', prefixes: ['/api/'] },
  { name: 'Service', description: 'The process itself.', prefixes: ['/'] },
];

const tagOf = (path: string): string =>
  TAGS.find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)))!.name;

/** The OpenAPI 3.1 document of `Operations`: every call, as it is made, answered and refused. */
export function createOpenApiDocument(): OpenApiDocument {
  const operations = Object.entries(Operations) as [string, Operation][];
  const isSchema = (value: unknown): value is z.ZodType => value instanceof z.ZodType;
  const bodies = operations.flatMap(([, { body }]) => body ?? []);
  const inFields = operations.flatMap(([, { query, headers }]) => [query, headers].filter(isSchema));
  const given = operations.flatMap(([, { answers }]) => Object.values(answers).filter(isSchema));
  const requests = referredSchemas({ whole: bodies, inFields }, 'requests');
  const answers = referredSchemas({ whole: [...given, Problem, ...Object.values(StreamMessages)] }, 'answers');

  const paths: OpenApiDocument['paths'] = {};
  for (const [name, operation] of operations) {
    const described = describeOperation(name, operation, { requests, answers });
    const path = (paths[operation.path.replace(/:(\w+)/g, '{$1}')] ??= {});
    path[operation.method.toLowerCase()] = { ...described, tags: [tagOf(operation.path)] };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Muster',
      version: API_VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: TAGS.map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      schemas: together(requests.components, answers.components),
      responses: problemResponses(),
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

/** @throws Error for a name that means one thing in requests and another in answers: it needs two names then. */
function together(
  requests: Record<string, JsonSchema>,
  answers: Record<string, JsonSchema>,
): Record<string, JsonSchema> {
  for (const [name, schema] of Object.entries(requests)) {
    const other = answers[name];
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(schema)) {
      throw new Error(`the schema ${name} is not the same in a request as in an answer`);
    }
  }
  const all = Object.entries({ ...requests, ...answers });
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}
