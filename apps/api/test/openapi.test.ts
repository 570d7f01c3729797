import { describe, expect, test } from '@jest/globals';
import { Operations, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Paths, ProblemTypes, StreamMessages } from '@muster/contracts';
import { createTestDatabase } from '@muster/db/testing';
import { Validator } from '@seriousme/openapi-schema-validator';
import express from 'express';
import { readFile } from 'node:fs/promises';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import type { OpenApiMedia, OpenApiResponse } from '../src/openapi/document-shape.js';
import { createOpenApiDocument } from '../src/openapi/document.js';
import { checkDocumented, validationErrors } from './check-documented.js';
import { useApi } from './harness.js';
import { person } from './users.js';
import { routesOf } from './route-table.js';

const document = createOpenApiDocument();
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: operation.operationId, path, method, operation })),
);

/** The JSON bodies of all requests and responses. */
const bodies = operations.flatMap(({ name, path, method, operation: { requestBody, responses } }) => {
  const json = (content: Record<string, OpenApiMedia> | undefined) => content?.['application/json'];
  const answers = Object.entries(responses).map(([status, { content }]: [string, OpenApiResponse]) => ({
    what: status,
    media: json(content),
    at: ['responses', status],
  }));
  return [{ what: 'the body', media: json(requestBody?.content), at: ['requestBody'] }, ...answers].flatMap(
    ({ what, media, at }) =>
      media === undefined || Object.keys(media.schema).length === 0
        ? []
        : [{ name, what, media, at: ['paths', path, method, ...at, 'content', 'application/json', 'schema'] }],
  );
});

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1 according to a third-party validator', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)) as Record<string, unknown>);
    expect(result).toEqual({ valid: true });
  });

  test('equals docs/openapi.json', async () => {
    const committed = await readFile(new URL('../../../docs/openapi.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(document)));
  });

  test('has the version of the package', async () => {
    const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
    expect(document.info.version).toBe((JSON.parse(manifest) as { version: string }).version);
  });

  test('has each operation of the contracts exactly once, and no other operations', () => {
    const listed = operations.map(({ name, path, method }) => [name, `${method.toUpperCase()} ${path}`]);
    const agreed = Object.entries(Operations).map(([name, { method, path }]) => [
      name,
      `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
    ]);
    expect(listed.sort()).toEqual(agreed.sort());
  });

  test.each(operations)('describes each parameter of $name', ({ operation }) => {
    for (const parameter of operation.parameters) {
      expect(parameter).toEqual(
        expect.objectContaining({ description: expect.stringMatching(/\.$/), schema: expect.any(Object) }),
      );
    }
  });

  test.each(bodies)('has a valid example for $what of $name', ({ media, at }) => {
    expect(media.example).toBeDefined();
    expect(validationErrors('answers', media.example, ...at)).toBeNull();
  });
});

describe('the examples of the document', () => {
  const context = useApi('pglite');

  /** Returns the headers for each security scheme. */
  async function credentials(): Promise<Record<string, Record<string, string>>> {
    const organization = await context.api.organization();
    const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
    const owner = await person(context.api, organization.id, 'owner');
    return {
      apiKey: bearer(organization.adminKey),
      agentToken: bearer((await organization.enroll()).token),
      enrollmentToken: bearer((await organization.enrollmentToken()).token),
      session: { Cookie: owner.browser.cookie, 'Sec-Fetch-Site': 'same-origin' },
      metricsToken: {},
    };
  }

  interface Parameter {
    name: string;
    in: string;
    example?: unknown;
  }
  const calls = operations.filter(({ name }) => name !== 'stream');
  test.each(calls)('make a call of $name that is not refused as malformed', async ({ path, method, operation }) => {
    const parameters = operation.parameters as Parameter[];
    const url = path.replace(/\{(\w+)\}/g, (_all, name) =>
      String(parameters.find((one) => one.name === name)!.example),
    );
    const headers = parameters.filter((one) => one.in === 'header' && one.example !== undefined);
    const query = parameters.filter((one) => one.in === 'query' && one.example !== undefined);
    const [scheme] = Object.keys((operation['security'] as object[])[0] ?? {});
    const request = context.api.http[method as 'post'](url).set(scheme ? (await credentials())[scheme]! : {});
    for (const { name, example } of headers) void request.set(name, String(example));
    for (const { name, example } of query) void request.query({ [name]: example });
    const body = operation.requestBody?.content['application/json']?.example;
    const { status, text } = await (body === undefined ? request : request.send(body as object));
    // The ids and secrets in examples are made up, so the objects to which they refer do not exist.
    const namesMissingObject =
      /\{/.test(path) || /"token"|"currentPassword"|"password"/.test(JSON.stringify(body ?? null));
    const isAboutSecret = status === 400 && text.includes('/currentPassword');
    if (namesMissingObject) expect([200, 201, 204, 401, 404]).toContain(isAboutSecret ? 401 : status);
    else expect([status < 400 || status === 404, text]).toEqual([true, text]);
  });
});

describe('the document', () => {
  test('defines every security scheme that an operation uses', () => {
    const named = operations.flatMap(({ operation }) => (operation['security'] as object[]).flatMap(Object.keys));
    expect(Object.keys(document.components['securitySchemes']!)).toEqual(expect.arrayContaining([...new Set(named)]));
  });

  test('states that a write with the session cookie needs an Origin', () => {
    for (const text of [document.info['description'], JSON.stringify(document.components['securitySchemes'])]) {
      expect(text).toContain('`Origin` header');
    }
  });

  test('lists every message of the stream', () => {
    const { description } = document.paths[Paths.stream]!['get']!;
    for (const name of Object.keys(StreamMessages)) expect(description).toContain(`\n- \`${name}\` (`);
  });

  test.each([
    ['NUL in a text', [{ dockerId: 'a', name: 'a\0', image: 'b', state: 'running' }]],
    ['a state with capital letters', [{ dockerId: 'a', name: 'a', image: 'b', state: 'Running' }]],
  ])('refuses what the API refuses: %s', (_what, snapshot) => {
    const at = ['paths', '/api/agent/containers', 'post', 'requestBody', 'content', 'application/json', 'schema'];
    expect(validationErrors('requests', snapshot, ...at)).not.toBeNull();
  });

  test('refuses the same values of Snapshot-Gone as the API', () => {
    const { parameters } = document.paths['/api/agent/containers']!['post']!;
    const index = (parameters as { name: string }[]).findIndex(({ name }) => name === 'Snapshot-Gone');
    const at = ['paths', '/api/agent/containers', 'post', 'parameters', index, 'schema'];
    expect(validationErrors('requests', 'a,b', ...at)).toBeNull();
    for (const gone of ['a,', ',a', 'a,,b', '', 'a/b'])
      expect(validationErrors('requests', gone, ...at)).not.toBeNull();
  });
});

describe('client generators', () => {
  type Json = Record<string, unknown>;

  /** Yields every object of the document except examples, with its path. */
  function* objectsIn(value: unknown, path: string[] = []): Generator<{ path: string[]; json: Json }> {
    if (typeof value !== 'object' || value === null || ['example', 'examples'].includes(path.at(-1)!)) return;
    if (!Array.isArray(value)) yield { path, json: value as Json };
    for (const [key, inner] of Object.entries(value)) yield* objectsIn(inner, [...path, key]);
  }
  const resolve = (schema: Json): Json =>
    typeof schema['$ref'] === 'string' ? document.components.schemas[schema['$ref'].split('/').pop()!]! : schema;
  const parameters = operations.flatMap(({ name, operation }) =>
    (operation.parameters as { name: string; in: string; schema: Json }[]).map((one) => ({ ...one, of: name })),
  );

  test('find no header with the format date-time, which would make openapi-python-client omit the operation', () => {
    const dates = parameters.filter((one) => one.in === 'header' && resolve(one.schema)['format'] === 'date-time');
    expect(dates).toEqual([]);
    expect(parameters.filter((one) => one.in === 'header').length).toBeGreaterThan(5);
  });

  const limits = parameters.filter(({ name }) => name === 'limit');
  test.each(limits)('find the default of limit in $of', ({ schema }) => {
    expect(schema).toEqual({ type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT });
  });

  test('find booleans in queries, not the texts `true` and `false`', () => {
    const isText = ({ schema }: { schema: Json }) =>
      (resolve(schema)['enum'] as unknown[] | undefined)?.includes('true');
    const queries = parameters.filter((one) => one.in === 'query');
    expect(queries.filter(isText)).toEqual([]);
    const booleans = queries.filter(({ schema }) => schema['type'] === 'boolean');
    expect([...new Set(booleans.map(({ name }) => name))].sort()).toEqual([
      ...['count', 'infra', 'keepCredentials', 'sharedName'],
    ]);
    for (const { schema } of booleans) expect(schema).toEqual({ type: 'boolean', default: false });
  });

  test.each(bodies)('find a name for $what of $name', ({ media }) => {
    expect(media.schema).toEqual({ $ref: expect.stringMatching(/^#\/components\/schemas\/[A-Z]\w+$/) });
  });

  test('find the schema of a page under the name of its items', () => {
    const isPage = (schema: Json) =>
      ['items', 'nextCursor'].every((key) => key in ((schema['properties'] ?? {}) as Json));
    const pages = Object.entries(document.components.schemas).filter(([, schema]) => isPage(schema));
    const listed = operations.filter(({ name }) => /^list(?!Sessions$)/.test(name)).map(({ name }) => name);
    expect(pages.map(([name]) => `list${name.replace(/Page$/, '').replace(/ry$/, 'rie')}s`).sort()).toEqual(
      listed.sort(),
    );
  });

  test('find every type of problem, and accept a type that a newer server adds', () => {
    expect(document.components.schemas['ProblemType']!['enum']).toEqual(Object.values(ProblemTypes));
    const anyOf = [{ $ref: '#/components/schemas/ProblemType' }, { type: 'string' }];
    expect(document.components.schemas['Problem']).toMatchObject({ properties: { type: { anyOf } } });
  });

  test('find bytes in a file of the agent release, and text in exports, the stream, metrics and the script', () => {
    const contents = operations.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap(({ content = {} }) => Object.entries(content)),
    );
    const unparsed = contents.filter(([type]) => !['application/json', 'application/problem+json'].includes(type));
    const text = { type: 'string' };
    expect(Object.fromEntries(unparsed.map(([type, { schema }]) => [type, schema]))).toEqual({
      ...{ 'text/csv': text, 'application/x-ndjson': text, 'text/event-stream': text, 'text/plain': text },
      ...{ 'text/x-shellscript': text, 'application/octet-stream': { type: 'string', format: 'binary' } },
    });
  });

  test('find the type of every enum', () => {
    const enums = [...objectsIn(document)].filter(({ json }) => Array.isArray(json['enum']));
    expect(enums.filter(({ json }) => json['type'] === undefined)).toEqual([]);
    expect(enums.length).toBeGreaterThan(10);
  });
});

describe('routes', () => {
  test('are exactly the documented operations', async () => {
    const db = await createTestDatabase('pglite');
    const routed = new Set(routesOf(createApp({ db })));
    await db.close();
    const agreed = Object.entries(Operations).map(([name, { method, path }]) => ({ name, route: `${method} ${path}` }));
    const missing = agreed.filter(({ route }) => !routed.has(route)).map(({ name }) => name);
    expect(missing).toEqual([]);
    const PAGES = [`GET ${Paths.docs}`, `GET ${Paths.docs}/start.js`];
    const known = new Set([...agreed.map(({ route }) => route), ...PAGES]);
    expect([...routed].filter((route) => !known.has(route))).toEqual([]);
  });
});

describe('a response that differs from the document', () => {
  const answering = (path: string, status: number, body: object) => {
    const app = express().get(path, (_req, res) => {
      res.set('X-Request-Id', 'x').set('ETag', 'x').status(status).json(body);
    });
    return supertest.agent(app).use(checkDocumented);
  };
  const good = { status: 'ok', version: '1.2.3' };

  test('fails the test that receives it', async () => {
    await answering(Paths.health, 200, good).get(Paths.health);
    await expect(answering(Paths.health, 200, { ...good, more: 1 }).get(Paths.health)).rejects.toThrow('additional');
    await expect(answering(Paths.health, 200, { status: 'fine' }).get(Paths.health)).rejects.toThrow('constant');
    await expect(answering(Paths.health, 201, good).get(Paths.health)).rejects.toThrow('not documented');
    await expect(answering('/nowhere', 404, good).get('/nowhere')).rejects.toThrow('not a problem document');
    const page = { items: [{}], nextCursor: null };
    await expect(answering(Paths.hosts, 200, page).get(Paths.hosts)).rejects.toThrow('required');
  });
});

describe('GET /openapi.json', () => {
  const context = useApi('pglite');

  test('returns the document without credentials, and 304 for its ETag', async () => {
    const answer = await context.api.http
      .get(Paths.openApi)
      .expect(200)
      .expect('Content-Type', /^application\/json/);
    expect(answer.body).toEqual(JSON.parse(JSON.stringify(document)));
    const etag = answer.headers['etag']!;
    await context.api.http
      .get(Paths.openApi)
      .set('If-None-Match', etag)
      .expect(304)
      .expect('Cache-Control', 'no-cache');
  });
});
