import { MUSTER_VERSION, Operations, Problem, StreamMessages, type Operation, type Tag } from '@muster/contracts';
import { z } from 'zod';
import type { JsonSchema, OpenApiDocument } from './document-shape.js';
import { HEADERS } from './headers.js';
import { describeOperation } from './operation.js';
import { problemResponses } from './problems.js';
import { createSchemaRegistry } from './schemas.js';
import { SECURITY_SCHEMES } from './security.js';

const DESCRIPTION = `Muster keeps an exact inventory of the containers on a fleet of hosts. Agents post snapshots; operators read the containers, their history, and how current each host is.

Every error is \`application/problem+json\` (RFC 9457) with a stable \`type\` and a \`requestId\`, which is also in the server log. Lists are paged: repeat the request with \`cursor\` set to \`nextCursor\` until that is null. Reads return an \`ETag\`. New fields may be added to responses: clients must ignore fields that they do not know.

A request with the session cookie that changes anything must come from one of Muster's own pages. It therefore needs an \`Origin\` header with the server's own origin, or \`Sec-Fetch-Site: same-origin\`, which browsers send. Otherwise, it is refused with 403. Requests with an API key need neither header.`;

/** The tags, in the order of the document. */
const TAGS: Readonly<Record<Tag, string>> = {
  Agents: 'Calls of agents.',
  Inventory: 'Hosts, containers, images, ports and projects.',
  History: 'Container events, the audit log and the live stream.',
  Exports: 'Exports of all matching items in one file.',
  Enrollment: 'Enrollment tokens, which agents use to enroll hosts.',
  Accounts: 'Users, sessions, members, invitations and API keys.',
  Service: 'Health checks, metrics, the agent release and this document.',
};

/** Creates the OpenAPI 3.1 document of all `Operations`. `basePath` is the path of the public URL. */
export function createOpenApiDocument(basePath = ''): OpenApiDocument {
  const operations = Object.entries(Operations) as [string, Operation][];
  const isSchema = (value: unknown): value is z.ZodType => value instanceof z.ZodType;
  const bodies = operations.flatMap(([, { body }]) => body ?? []);
  const inFields = operations.flatMap(([, { query, headers }]) => [query, headers].filter(isSchema));
  const answerSchemas = operations.flatMap(([, { answers }]) => Object.values(answers).filter(isSchema));
  const requests = createSchemaRegistry({ whole: bodies, inFields }, 'requests');
  const answers = createSchemaRegistry(
    { whole: [...answerSchemas, Problem, ...Object.values(StreamMessages)] },
    'answers',
  );

  const paths: OpenApiDocument['paths'] = {};
  for (const [name, operation] of operations) {
    const described = describeOperation(name, operation, { requests, answers });
    const path = (paths[operation.path.replace(/:(\w+)/g, '{$1}')] ??= {});
    path[operation.method.toLowerCase()] = { ...described, tags: [operation.tag] };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Muster',
      version: MUSTER_VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: basePath || '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: mergeSchemas(requests.components, answers.components),
      responses: problemResponses(),
      headers: HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

/**
 * Merges the schemas. @throws Error if a name has different schemas in requests and responses. In that case, rename one
 * of the schemas.
 */
function mergeSchemas(
  requests: Record<string, JsonSchema>,
  answers: Record<string, JsonSchema>,
): Record<string, JsonSchema> {
  for (const [name, schema] of Object.entries(requests)) {
    const other = answers[name];
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(schema)) {
      throw new Error(`the schema ${name} differs between requests and responses`);
    }
  }
  const all = Object.entries({ ...requests, ...answers });
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}
