import fc from 'fast-check';
import { Agent, request, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { hostileValues, nearlyMatching, type JsonSchema } from './arbitrary.js';
import { operationsOf, type Answer, type DocumentedOperation, type OpenApi, type Parameter } from './operations.js';

/** The ids of existing objects by path parameter, and valid credentials by security scheme. */
export interface KnownObjects {
  ids: Readonly<Record<string, string>>;
  credentials: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface DocumentFuzz {
  /** The URL of the server that is compared with `document`. */
  url: string;
  document: OpenApi;
  /**
   * Creates the objects to which calls refer. The fuzzer calls `prepareObjects` again after each call that may have
   * deleted such an object.
   */
  prepareObjects: () => Promise<KnownObjects>;
  cases: number;
  /** The seed of the generated calls. The same seed repeats a run. */
  seed: number;
}

export interface DocumentFuzzResult {
  cases: number;
  statuses: Map<number, number>;
  /** The number of calls that violate the document. */
  refused: number;
  /** The first failure of each kind, with the call that caused it. */
  failures: string[];
}

/** A placeholder for an existing id. */
const KNOWN = '\uE000known';

/**
 * A cursor that the same list returned earlier. If `change` is not null, the fuzzer modifies the cursor before sending
 * it.
 */
interface RealCursor {
  pick: number;
  change: { at: number; to: unknown } | { cut: number } | null;
}

interface Call {
  operation: DocumentedOperation;
  path: Readonly<Record<string, string>>;
  query: readonly (readonly [Parameter, readonly string[]])[];
  cursor: RealCursor | string | null;
  headers: readonly (readonly [Parameter, string])[];
  /** Null if the call has no body. */
  body: Uint8Array | null;
  encoding: 'identity' | 'gzip' | 'x-gzip';
  scheme: string | null;
  unknownQuery: string;
}

/** Operations with endless responses. */
const STREAMS: ReadonlySet<string> = new Set(['stream']);

/** Operations that may delete objects that other calls refer to. */
const DELETING: ReadonlySet<string> = new Set(['rotateHostToken', 'changeMember', 'changePassword', 'setUp']);

/** A call without a response after this many milliseconds is reported as hanging. */
const ANSWER_MS_MAX = 60_000;

/**
 * Sends valid and nearly valid calls to a server. Checks three things: no response is a 5xx, the document describes
 * every status and body, and the server refuses every call that violates the document.
 */
export async function fuzzDocument({
  url,
  document,
  prepareObjects,
  cases,
  seed,
}: DocumentFuzz): Promise<DocumentFuzzResult> {
  const operations = operationsOf(document).filter(({ id }) => !STREAMS.has(id));
  const resolve = (ref: string) => document.components.schemas[ref.split('/').pop()!]!;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const statuses = new Map<number, number>();
  /** Cursors that lists returned, by path. */
  const cursors = new Map<string, string[]>();
  let known = await prepareObjects();
  let [number, refused] = [0, 0];
  const failures = new Map<string, string>();

  async function check(call: Call): Promise<void> {
    number += 1;
    const fault = await faultOf(call).catch((error: unknown) => ({ kind: 'no answer', text: String(error) }));
    const kind = `${call.operation.id}: ${fault?.kind}`;
    if (fault === null || failures.has(kind)) return;
    failures.set(kind, `case ${number} of seed ${seed}: ${fault.text}\n${describeCall(call)}`);
  }

  async function faultOf(call: Call): Promise<{ kind: string; text: string } | null> {
    const { operation } = call;
    const sent = toRequest(call, known, cursors);
    if (sent.isRefused) refused += 1;
    const answer = await send(agent, url, sent);
    const { status } = answer;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const undocumented = operation.faultOf(answer);
    const isWronglyAccepted = sent.isRefused && status < 400;
    const kind = status >= 500 ? 'a 5xx' : (undocumented ?? (isWronglyAccepted ? 'the document refuses it' : null));
    if (kind !== null) {
      const call = `${sent.method} ${sent.target.slice(0, 500)}`;
      return { kind, text: `${call} answered ${status}: ${answer.body.slice(0, 500)}\n${kind}` };
    }
    if (status === 200) rememberCursor(cursors, operation.path, answer.body);
    const mayHaveDeleted = operation.method === 'DELETE' || DELETING.has(operation.id);
    if (status < 400 && mayHaveDeleted) known = await prepareObjects();
    return null;
  }

  await fc.assert(
    fc.asyncProperty(fc.oneof(...operations.map((operation) => callsOf(operation, resolve, known))), check),
    {
      numRuns: cases,
      seed,
      endOnFailure: true,
    },
  );
  agent.destroy();
  return { cases: number, statuses, refused, failures: [...failures.values()] };
}

function describeCall({ operation, query, body, ...call }: Call): string {
  const parameters = query.map(([{ name }, values]) => [name, values]);
  const text = body === null ? null : Buffer.from(body).toString();
  return JSON.stringify({ id: operation.id, ...call, query: parameters, body: text }).slice(0, 3_000);
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed();

function callsOf(
  operation: DocumentedOperation,
  resolve: (ref: string) => JsonSchema,
  { credentials }: KnownObjects,
): fc.Arbitrary<Call> {
  const of = (place: Parameter['in']) => operation.parameters.filter((parameter) => parameter.in === place);
  const values = ({ schema }: Parameter) => nearlyMatching(schema, resolve);

  const path = fc.record(
    Object.fromEntries(
      of('path').map((parameter) => [
        parameter.name,
        fc.oneof(
          { weight: 6, arbitrary: fc.constant(KNOWN) },
          { weight: 3, arbitrary: values(parameter).map(asText) },
          { weight: 1, arbitrary: fc.constantFrom('.', '..', '%', '\0', '*', ';a=b', '\u{1F433}') },
        ),
      ]),
    ),
  );
  const query = of('query')
    .filter(({ name }) => name !== 'cursor')
    .map((parameter) => {
      const known = /Id$/.test(parameter.name) ? [{ weight: 6, arbitrary: fc.constant(KNOWN) }] : [];
      // A page of one item usually has a cursor for the next page.
      const short = parameter.name === 'limit' ? [{ weight: 8, arbitrary: fc.constant('1') }] : [];
      const once = fc
        .oneof({ weight: 6, arbitrary: values(parameter) }, ...known, ...short)
        .map((value) => (Array.isArray(value) ? value.map(asText) : [asText(value)]));
      const twice = fc.tuple(once, once).map(([a, b]) => [...a, ...b]);
      const given = fc.oneof({ weight: 15, arbitrary: once }, { weight: 1, arbitrary: twice });
      return fc.option(given, { freq: 2 }).map((sent) => [parameter, sent ?? []] as const);
    });
  const hasCursor = of('query').some(({ name }) => name === 'cursor');
  const headers = of('header')
    .filter(({ name }) => name !== 'Content-Encoding')
    .map((parameter) =>
      fc
        .option(values(parameter).map(asText), { freq: 3 })
        .map((sent) => (sent === null ? null : ([parameter, sent.replace(/[^\x20-\x7e]/g, '?')] as const))),
    );
  const json = operation.bodySchema === null ? null : nearlyMatching(operation.bodySchema, resolve);
  const body =
    json === null
      ? fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: bytesOf(hostileValues) })
      : fc.oneof(
          { weight: 15, arbitrary: bytesOf(json) },
          { weight: 1, arbitrary: fc.constant(null) },
          { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
        );
  const availableSchemes = operation.schemes.filter((scheme) => credentials[scheme] !== undefined);
  const correctSchemes = availableSchemes.length === 0 ? [null] : availableSchemes;
  return fc.record({
    operation: fc.constant(operation),
    path,
    query: fc.tuple(...query),
    cursor: hasCursor ? fc.option(cursor, { freq: 2 }) : fc.constant(null),
    headers: fc.tuple(...headers).map((sent) => sent.filter((header) => header !== null)),
    body,
    encoding: fc.constantFrom('identity', 'identity', 'identity', 'gzip', 'x-gzip'),
    scheme: fc.oneof(
      { weight: 15, arbitrary: fc.constantFrom(...correctSchemes) },
      { weight: 1, arbitrary: fc.constantFrom(null, 'apiKey', 'agentToken', 'enrollmentToken') },
    ),
    unknownQuery: fc.oneof(
      { weight: 20, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom('%', '%zz=1', '=', 'a[b]=c', '__proto__=1', 'q=%ff', '&&&') },
    ),
  });
}

const bytesOf = (values: fc.Arbitrary<unknown>): fc.Arbitrary<Uint8Array> =>
  values.map((value) => Buffer.from((JSON.stringify(value) as string | undefined) ?? ''));

const cursorValues = fc.oneof(
  fc.constantFrom<unknown>(3_000_000_000, -1, 2 ** 53, -(2 ** 63), 0.5, -0, '', '\0', '\uD800', null, true, []),
  fc.constantFrom('2026-02-30T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z', 'infinity'),
  fc.uuid(),
  fc.string(),
);
const cursor: fc.Arbitrary<RealCursor | string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      pick: fc.nat(100),
      change: fc.oneof(
        fc.constant(null),
        fc.record({ at: fc.nat(7), to: cursorValues }),
        fc.record({ cut: fc.integer({ min: 1, max: 20 }) }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.array(cursorValues, { maxLength: 8 }).map((values) => encodeCursor(values)) },
  { weight: 1, arbitrary: hostileValues.map(asText) },
);

const encodeCursor = (values: unknown): string => Buffer.from(JSON.stringify(values)).toString('base64url');

function realCursor({ pick, change }: RealCursor, given: readonly string[]): string | null {
  const real = given[pick % given.length];
  if (real === undefined || change === null) return real ?? null;
  if ('cut' in change) return real.slice(0, -change.cut);
  const values = JSON.parse(Buffer.from(real, 'base64url').toString()) as unknown[];
  values[change.at % values.length] = change.to;
  return encodeCursor(values);
}

const CURSORS_PER_PATH_MAX = 50;

function rememberCursor(cursors: Map<string, string[]>, path: string, body: string): void {
  const found = /"nextCursor":"([^"]+)"/.exec(body)?.[1];
  if (found === undefined) return;
  const pathCursors = cursors.get(path) ?? [];
  cursors.set(path, [...pathCursors.slice(1 - CURSORS_PER_PATH_MAX), found]);
}

interface SentRequest {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: Uint8Array | null;
  /** Whether the call violates the document. */
  isRefused: boolean;
}

function toRequest(call: Call, known: KnownObjects, cursors: ReadonlyMap<string, string[]>): SentRequest {
  const { operation, encoding, scheme } = call;
  let isRefused = false;
  const judge = (parameter: Parameter, values: readonly string[]) => {
    if (!operation.allows(parameter, values)) isRefused = true;
  };
  const named = (name: string, value: string) => (value === KNOWN ? (known.ids[name] ?? 'unknown') : value);

  let target = operation.path;
  for (const parameter of operation.parameters.filter((one) => one.in === 'path')) {
    const { name } = parameter;
    // An empty parameter would change the path.
    const value = named(name, call.path[name]!).slice(0, 2_000).toWellFormed() || '-';
    judge(parameter, [value]);
    target = target.replace(`{${name}}`, encodeURIComponent(value));
  }

  const pairs: string[] = [];
  const add = (parameter: Parameter, given: readonly string[]) => {
    const values = given.map((value) => named(parameter.name, value).slice(0, 3_000).toWellFormed());
    if (values.length > 0) judge(parameter, values);
    pairs.push(...values.map((value) => `${parameter.name}=${encodeURIComponent(value)}`));
  };
  for (const [parameter, values] of call.query) add(parameter, values);
  const cursorParameter = operation.parameters.find(({ name }) => name === 'cursor');
  if (call.cursor !== null && cursorParameter !== undefined) {
    const text =
      typeof call.cursor === 'string' ? call.cursor : realCursor(call.cursor, cursors.get(operation.path) ?? []);
    if (text !== null) add(cursorParameter, [text]);
  }
  if (call.unknownQuery !== '') pairs.push(call.unknownQuery);

  const headers: Record<string, string> = { ...(scheme === null ? {} : known.credentials[scheme]) };
  for (const [parameter, value] of call.headers) {
    // HTTP ignores white space around a header's value.
    judge(parameter, [value.trim().slice(0, 4_000)]);
    headers[parameter.name.toLowerCase()] = value.slice(0, 4_000);
  }

  let body: Uint8Array | null = null;
  if (call.body !== null) {
    body = encoding === 'identity' ? call.body : gzipSync(call.body);
    headers['content-type'] = 'application/json';
    if (encoding !== 'identity') headers['content-encoding'] = encoding;
  }
  if (operation.bodySchema !== null && !allowsBody(operation, call.body)) isRefused = true;
  const query = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  return { method: operation.method, target: target + query, headers, body, isRefused };
}

function allowsBody(operation: DocumentedOperation, body: Uint8Array | null): boolean {
  if (body === null) return false;
  try {
    return operation.allowsBody(JSON.parse(Buffer.from(body).toString()));
  } catch {
    return false;
  }
}

function send(agent: Agent, url: string, { method, target, headers, body }: SentRequest): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const length = body === null ? {} : { 'content-length': String(body.length) };
    const req = request({ hostname, port, method, path: target, headers: { ...headers, ...length }, agent, signal });
    req.on('error', (error) => reject(new Error(`${method} ${target.slice(0, 500)}: ${String(error)}`)));
    req.on('response', (res: IncomingMessage) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    req.end(body ?? undefined);
  });
}
