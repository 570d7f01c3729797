/**
 * Checks docs/openapi.json as its users would: lints it with Redocly's rules, and compiles the types that
 * openapi-typescript generates from it. Prints a line for each problem and exits with 1 if there is one.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import openapiTypes, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const document = new URL('../docs/openapi.json', import.meta.url);
const source = readFileSync(document, 'utf8');

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // This rule is off, because the operations for health checks and for reading the document have no 4xx responses.
    'operation-4xx-response': 'off',
    'operation-description': 'error',
    'parameter-description': 'error',
    'no-required-schema-properties-undefined': 'error',
  },
});
const findings = await lintFromString({ source, absoluteRef: document.pathname, config });
const lintProblems = findings.map(
  ({ ruleId, message, location: [place] }) => `${place?.pointer ?? ''}: ${message} (${ruleId})`,
);

/**
 * Code that uses the generated types of the calls that most clients make. It does not compile if the generator left out
 * one of these calls.
 */
const USAGE = `
import type { components, paths } from './openapi.js';
type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : never;
type Sync = paths['/api/agent/containers']['post'];
export const snapshot: Json<Sync['requestBody']> = [
  { dockerId: 'c1', name: 'web', image: 'nginx:1.27', state: 'running' },
];
export const headers: Sync['parameters']['header'] = { 'Snapshot-Observed-At': '2026-03-01T12:00:00Z' };
export const applied = (summary: Json<Sync['responses'][200]>): boolean => summary.applied;
export const deleted: components['schemas']['ProblemType'] = '/problems/host-deleted';
export const isDeleted = ({ type }: components['schemas']['Problem']): boolean => type === deleted;
export const newer: components['schemas']['Problem']['type'] = '/problems/of-a-newer-server';
export const online = (summary: components['schemas']['Summary']): number => summary.hosts.byFreshness.online;
export const query: paths['/api/hosts']['get']['parameters']['query'] = { count: true, limit: 10 };
type Hosts = Json<paths['/api/hosts']['get']['responses'][200]>;
export const page = (hosts: Hosts): components['schemas']['HostPage'] => hosts;
export const next = ({ nextCursor }: components['schemas']['ContainerPage']): string | null => nextCursor;
export const names = (hosts: readonly components['schemas']['Host'][]): string[] => hosts.map(({ name }) => name);
`;

const directory = mkdtempSync(join(tmpdir(), 'muster-openapi-'));
let compileProblems;
try {
  writeFileSync(join(directory, 'openapi.d.ts'), astToString(await openapiTypes(source)));
  writeFileSync(join(directory, 'usage.ts'), USAGE);
  const program = ts.createProgram([join(directory, 'usage.ts')], {
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    types: [],
  });
  compileProblems = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => `generated types: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
} finally {
  rmSync(directory, { recursive: true });
}

const problems = [...lintProblems, ...compileProblems];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
