/**
 * Tests the names that programs outside this repository rely on. Change them only on purpose: update the snapshot with
 * `jest -u`, and say why in the commit message.
 */
import { describe, expect, test } from '@jest/globals';
import { EventKind, Freshness, Paths, ProblemTypes, StreamMessages } from '@muster/contracts';
import { createApp } from '../src/app.js';
import { EnvVariables, SECRET_VARIABLES } from '../src/env.js';
import type { JsonSchema, OpenApiResponse } from '../src/openapi/document-shape.js';
import { createOpenApiDocument } from '../src/openapi/document.js';
import { sessionCookieName } from '../src/services/accounts/better-auth.js';
import { AUDIT_ACTIONS } from '../src/services/audit/audit.js';
import { createMetrics } from '../src/services/metrics/metrics.js';
import { addRetentionMetrics } from '../src/services/maintenance/retention-metrics.js';
import { createRetentionService } from '../src/services/maintenance/retention.js';
import { container } from './fixtures.js';
import { clocksOf, TestApi, useApi } from './harness.js';

const document = createOpenApiDocument();

/** One item per line, sorted, so that a difference shows as added and removed lines. */
const lines = (items: Iterable<string>): string => `\n${[...new Set(items)].sort().join('\n')}\n`;

const refName = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** The lines of a schema: its type, its fields and their schemas, and the values of each enum. */
function* schemaLines(path: string, schema: JsonSchema): Generator<string> {
  if (typeof schema['$ref'] === 'string') {
    yield `${path}: ${refName(schema['$ref'])}`;
    return;
  }
  for (const key of ['anyOf', 'oneOf', 'allOf'] as const) {
    for (const part of (schema[key] as JsonSchema[] | undefined) ?? []) yield* schemaLines(path, part);
  }
  for (const value of (schema['enum'] as unknown[] | undefined) ?? []) yield `${path} = ${JSON.stringify(value)}`;
  if ('const' in schema) yield `${path} = ${JSON.stringify(schema['const'])}`;
  for (const type of [(schema['type'] as string | string[] | undefined) ?? []].flat()) yield `${path}: ${type}`;
  const required = (schema['required'] as string[] | undefined) ?? [];
  for (const [name, field] of Object.entries((schema['properties'] as Record<string, JsonSchema> | undefined) ?? {})) {
    yield* schemaLines(`${path}.${name}${required.includes(name) ? '' : '?'}`, field);
  }
  if (typeof schema['items'] === 'object') yield* schemaLines(`${path}[]`, schema['items'] as JsonSchema);
  if (typeof schema['additionalProperties'] === 'object') {
    yield* schemaLines(`${path}{}`, schema['additionalProperties'] as JsonSchema);
  }
}

function* responseLines(path: string, response: OpenApiResponse): Generator<string> {
  if (response.$ref !== undefined) {
    yield `${path}: ${refName(response.$ref)}`;
    return;
  }
  yield path;
  for (const header of Object.keys(response.headers ?? {})) yield `${path} ${header}:`;
  for (const [type, { schema }] of Object.entries(response.content ?? {})) {
    yield* schemaLines(`${path} ${type}`, schema);
  }
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: JsonSchema;
}

describe('the public surface of the API', () => {
  test('operations: method, path, parameters, bodies, statuses and headers', () => {
    const items = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) => {
        const call = `${method.toUpperCase()} ${path}`;
        return [
          `${call} ${operation.operationId}`,
          ...(operation.parameters as Parameter[]).flatMap((parameter) => [
            ...schemaLines(
              `${call} ${parameter.in} ${parameter.name}${parameter.required ? '' : '?'}`,
              parameter.schema,
            ),
          ]),
          ...Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, { schema }]) => [
            ...schemaLines(`${call} body ${type}`, schema),
          ]),
          ...Object.entries(operation.responses).flatMap(([status, response]) => [
            ...responseLines(`${call} ${status}`, response),
          ]),
        ];
      }),
    );
    expect(lines(items)).toMatchSnapshot();
  });

  test('schemas: fields, whether they are required, and enum values', () => {
    const items = Object.entries(document.components.schemas).flatMap(([name, schema]) => [
      ...schemaLines(name, schema),
    ]);
    expect(lines(items)).toMatchSnapshot();
  });

  test('answers that operations share', () => {
    const responses = Object.entries(document.components['responses'] as Record<string, OpenApiResponse>);
    expect(lines(responses.flatMap(([name, response]) => [...responseLines(name, response)]))).toMatchSnapshot();
  });

  test('problem types', () => expect(lines(Object.values(ProblemTypes))).toMatchSnapshot());

  test('kinds of event', () => expect(lines(EventKind.options)).toMatchSnapshot());

  test('kinds of freshness', () => expect(lines(Freshness.options)).toMatchSnapshot());

  test('messages of the live stream', () => expect(lines(Object.keys(StreamMessages))).toMatchSnapshot());

  test('audit actions', () => expect(lines(AUDIT_ACTIONS)).toMatchSnapshot());

  test('environment variables', () => {
    const files = SECRET_VARIABLES.map((name) => `${name}_FILE`);
    expect(lines([...Object.keys(EnvVariables.shape), ...files])).toMatchSnapshot();
  });

  test('cookies', () => {
    const names = ['http://muster.example.com', 'https://muster.example.com'].map(sessionCookieName);
    expect(lines(names)).toMatchSnapshot();
  });

  describe('metrics', () => {
    const context = useApi('pglite');

    test('names, types and labels', async () => {
      const { api } = context;
      const metrics = createMetrics();
      const retention = createRetentionService(api.db, { now: api.clock, eventDays: 90 });
      addRetentionMetrics(metrics.registry, retention);
      await retention.prune();
      const replica = new TestApi(api.db, createApp({ db: api.db, ...clocksOf(api.clock), metrics }), api.clock);
      const host = (await (await api.organization()).enroll()).through(replica);
      await host.sync([container('a')]);
      await replica.http.get(Paths.metrics).expect(200);
      const { text } = await replica.http.get(Paths.metrics).expect(200);
      const types = [...text.matchAll(/^# TYPE (muster_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
      const labels = [...text.matchAll(/^(muster_\w+)\{(.*)\} /gm)].flatMap(([, name, pairs]) =>
        [...pairs!.matchAll(/(\w+)="/g)].map(([, label]) => `${name} {${label}}`),
      );
      expect(lines([...types, ...labels])).toMatchSnapshot();
    });
  });
});
