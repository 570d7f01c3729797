/** Generates HTTP calls as bytes. Any part of a call may be invalid, down to the HTTP syntax. */
import fc from 'fast-check';
import { Operations, type Operation } from '@muster/contracts';
import { deflateSync, gzipSync } from 'node:zlib';
import { hostileValue, almostValidInput } from './schema-arbitraries.js';

/** The name of the credential that the caller sends; `anonymous` sends none. */
export type Caller = 'anonymous' | 'agent' | 'enroll' | 'admin' | 'viewer' | 'unknownKey';

/** Placeholder for the id of an existing object, which the test replaces. */
const EXISTING_ID = 'there';

export interface Call {
  readonly method: string;
  /** The path of the route. The parameter value `there` is a placeholder for the id of an existing object. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: string;
  readonly caller: Caller;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** Changes to the finished bytes. The server need not respond to a damaged call, but must not return a 5xx. */
  readonly damage: readonly Damage[];
}

/** Replaces `remove` bytes with `insert`, at the position `at` of the message, from 0 (its start) to 1 (its end). */
interface Damage {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

/** Mostly valid credentials, so that the code behind authentication is reached. */
const caller = (access: string | undefined): fc.Arbitrary<Caller> => {
  const sufficientCallers: Caller[] =
    access === 'agent'
      ? ['agent']
      : access === 'enroll'
        ? ['enroll']
        : access === 'viewer'
          ? ['viewer', 'admin']
          : ['admin'];
  const any: Caller[] = ['anonymous', 'agent', 'enroll', 'admin', 'viewer', 'unknownKey'];
  return fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...sufficientCallers) },
    { weight: 1, arbitrary: fc.constantFrom(...any) },
  );
};

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const cursor = fc
  .array(fc.oneof(fc.uuid(), fc.integer(), fc.constant('2026-03-01T12:00:00.000Z'), hostileValue), { maxLength: 5 })
  .map((values) => Buffer.from(asText(values)).toString('base64url'));

/** Generates query strings with the operation's parameters: some repeated, some unknown, some badly encoded. */
function queryOf({ query }: Partial<Operation>): fc.Arbitrary<string> {
  const known = query === undefined ? fc.constant({}) : almostValidInput(query);
  const noise = fc.oneof(
    { weight: 6, arbitrary: fc.constant('') },
    fc.constantFrom(
      '&limit=0',
      '&limit=1&limit=2',
      '&%',
      '&%zz=1',
      '&=',
      '&a[b]=c',
      '&__proto__=1',
      '&q=%00',
      '&q=%ff',
    ),
    fc.string({ maxLength: 20 }).map((text) => `&${text.replace(/[\s#]/g, '+')}`),
  );
  return fc.tuple(known, noise, fc.option(cursor, { freq: 4 })).map(([values, more, at]) => {
    const pairs = Object.entries((typeof values === 'object' && values) || {}).flatMap(([key, value]) =>
      [value].flat().map((one) => `${encode(key)}=${encode(asText(one))}`),
    );
    if (at !== null) pairs.push(`cursor=${at}`);
    return `${pairs.join('&')}${more}`;
  });
}

const encode = (text: string): string => encodeURIComponent(text.toWellFormed()).slice(0, 8_000);

const parameter = fc.oneof(
  { weight: 6, arbitrary: fc.constant(EXISTING_ID) },
  { weight: 2, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: hostileValue.map((value) => encode(asText(value)).slice(0, 3_000)) },
  { weight: 1, arbitrary: fc.constantFrom('%', '%zz', '%ff%fe', '..', '%2e%2e%2f', '%00', '*', ';a=b') },
);

const ENCODINGS: Readonly<Record<string, (body: Uint8Array) => Uint8Array>> = {
  gzip: (body) => gzipSync(body),
  deflate: (body) => deflateSync(body),
  // The next two values declare an encoding that the body does not have.
  'gzip ': (body) => body,
  br: (body) => body,
  identity: (body) => body,
  'gzip, gzip': (body) => gzipSync(gzipSync(body)),
};

/** Generates a body with its content headers. */
function bodyOf({ body: schema }: Partial<Operation>): fc.Arbitrary<{ body: Uint8Array; headers: [string, string][] }> {
  const json = (schema === undefined ? fc.jsonValue({ maxDepth: 3 }) : almostValidInput(schema)).map((value) =>
    Buffer.from((JSON.stringify(value) as string | undefined) ?? ''),
  );
  const deep = fc.integer({ min: 10, max: 20_000 }).map((depth) => Buffer.from('['.repeat(depth)));
  const content = fc.oneof(
    { weight: 20, arbitrary: json },
    { weight: 1, arbitrary: deep },
    { weight: 1, arbitrary: bytes(200) },
    // JSON cut in the middle, or with bytes that are not UTF-8.
    {
      weight: 2,
      arbitrary: fc
        .tuple(json, fc.double({ min: 0, max: 1, noNaN: true }))
        .map(([whole, part]) => whole.subarray(0, Math.floor(whole.length * part))),
    },
    { weight: 1, arbitrary: json.map((whole) => Buffer.concat([whole, Buffer.from([0xff, 0xfe])])) },
  );
  const type = fc.oneof(
    { weight: 12, arbitrary: fc.constant('application/json') },
    fc.constantFrom(
      '',
      'text/plain',
      'application/json; charset=utf-16',
      'application/json; charset',
      'multipart/form-data',
      'APPLICATION/JSON',
      'application/x-www-form-urlencoded',
    ),
  );
  const encoding = fc.option(fc.constantFrom(...Object.keys(ENCODINGS)), { freq: 5 });
  return fc.tuple(content, type, encoding).map(([plain, mediaType, name]) => ({
    body: name === null ? plain : ENCODINGS[name]!(plain),
    headers: [
      ...(mediaType === '' ? [] : [['Content-Type', mediaType] as [string, string]]),
      ...(name === null ? [] : [['Content-Encoding', name.trim()] as [string, string]]),
    ],
  }));
}

/** Values that a header can have without starting another header. */
const headerValue = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?')),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e3',
    '9'.repeat(30),
    'x'.repeat(9_000),
    '\xff\xfe',
    '2026-03-01T12:00:00Z',
    '*',
    'W/"x"',
  ),
  fc.uuid(),
);
const headers = fc.array(
  fc.tuple(
    fc.constantFrom(
      'Snapshot-Stream',
      'Snapshot-Sequence',
      'Snapshot-Observed-At',
      'Snapshot-Complete',
      'If-None-Match',
      'Accept',
      'Cookie',
      'Expect',
      'Range',
      'Origin',
      'X-Forwarded-For',
      'X-Request-Id',
      'X-HTTP-Method-Override',
      'Upgrade',
      'Transfer-Encoding',
      'Authorization',
      'Last-Event-ID',
      '__proto__',
    ),
    headerValue,
  ),
  { maxLength: 3 },
);

const damage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.integer({ min: 0, max: 6 }),
    insert: bytes(6),
  }),
  { minLength: 1, maxLength: 3 },
);

/** Generates calls of one route, named as in the application's route table: `GET /api/hosts/:hostId`. */
export function callsOf(route: string): fc.Arbitrary<Call> {
  const [method = '', path = ''] = route.split(' ');
  const operation: Partial<Operation> =
    Object.values<Operation>(Operations).find((known) => known.method === method && known.path === path) ?? {};
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const otherMethod = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND');
  return fc
    .record({
      method: fc.oneof({ weight: 20, arbitrary: fc.constant(method) }, { weight: 1, arbitrary: otherMethod }),
      parameters: fc.record(Object.fromEntries(names.map((name) => [name, parameter]))),
      query: fc.oneof(
        { weight: operation.query ? 6 : 1, arbitrary: queryOf(operation) },
        { weight: 2, arbitrary: fc.constant('') },
      ),
      caller: caller(operation.access),
      headers: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: headers }),
      content: fc.oneof(
        { weight: operation.body ? 10 : 1, arbitrary: bodyOf(operation) },
        { weight: 3, arbitrary: fc.constant({ body: new Uint8Array(), headers: [] as [string, string][] }) },
      ),
      damage: fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: damage }),
    })
    .map(({ content, headers: more, ...rest }) => ({
      ...rest,
      path,
      body: content.body,
      headers: [...content.headers, ...more],
    }));
}

/** Returns the bytes of a call, in which the given ids and tokens replace their placeholders. */
export function toBytes(
  call: Call,
  { ids, tokens }: { ids: Readonly<Record<string, string>>; tokens: Readonly<Record<Caller, string | null>> },
): Buffer {
  const path = call.path.replace(/:(\w+)/g, (_all, name: string) => {
    const value = call.parameters[name]!;
    return value === EXISTING_ID ? ids[name]! : value;
  });
  const token = tokens[call.caller];
  const head = [
    `${call.method} ${path}${call.query === '' ? '' : `?${call.query}`} HTTP/1.1`,
    'Host: muster.test',
    'Connection: close',
    ...(token === null ? [] : [`Authorization: Bearer ${token}`]),
    ...(call.body.length === 0 && call.method === 'GET' ? [] : [`Content-Length: ${call.body.length}`]),
    ...call.headers.map(([name, value]) => `${name}: ${value}`),
  ];
  let message = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), call.body]);
  for (const { at, remove, insert } of call.damage) {
    const place = Math.floor(at * message.length);
    message = Buffer.concat([message.subarray(0, place), insert, message.subarray(place + remove)]);
  }
  return message;
}
