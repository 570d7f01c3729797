import { BODY_BYTES_MAX, Operations, type Access, type Operation } from '@muster/contracts';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import type { z } from 'zod';
import { NotFoundError } from '../errors.js';
import type { Redirect, UserSession, WithCookies } from '../services/accounts/index.js';
import type { AgentIdentity, EnrollmentIdentity } from '../services/enrollment/index.js';
import type { Caller, OperatorIdentity } from '../services/identity/index.js';
import type { RawBody } from '../services/sync/index.js';
import { parseFields, readBody } from './body.js';
import { compressAnswer } from './compress.js';

/**
 * The parts of an operation that a route needs. A page is not an operation of the API, but its route needs the same
 * parts.
 */
export type Endpoint = Omit<Operation, 'path' | 'tag' | 'summary' | 'description'> & { path: string };

/**
 * The type of the caller for each kind of access. For `public`, the caller is not authenticated, and only the client
 * is known.
 */
export interface CallerOf {
  public: Caller;
  enroll: EnrollmentIdentity;
  agent: AgentIdentity;
  viewer: OperatorIdentity;
  admin: OperatorIdentity;
  owner: OperatorIdentity;
  user: UserSession;
  metrics: null;
}

type Input<E extends Endpoint, Part extends 'params' | 'query' | 'headers' | 'body'> =
  E extends Readonly<Record<Part, infer Schema extends z.ZodType>> ? z.output<Schema> : undefined;

/** One call of an operation: its caller, and its input, parsed with the contract's schemas. */
export interface Call<E extends Endpoint, Body = Input<E, 'body'>> {
  caller: CallerOf[E['access']];
  headers: Input<E, 'headers'>;
  query: Input<E, 'query'>;
  body: Body;
  params: Input<E, 'params'>;
  req: Request;
  res: Response;
}

/**
 * The return value of a handler for one of the contract's answers. If the body is not JSON, the handler itself writes
 * the body to the response.
 */
type AnswerBody<E extends Endpoint, Status extends keyof E['answers']> = Status extends 303
  ? Redirect
  : E['answers'][Status] extends infer Schema extends z.ZodType
    ? E extends { opensSession: true }
      ? WithCookies<z.output<Schema>>
      : z.output<Schema>
    : // If the body is not JSON, the handler writes to the response and returns nothing. Only `void` expresses this.
      // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- see above
      void;

type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;

/** The return value of a handler: the response's body, together with its status if the operation has several. */
export type AnswerOf<E extends Endpoint> =
  true extends IsUnion<keyof E['answers']>
    ? { [Status in keyof E['answers']]: { status: Status; body: AnswerBody<E, Status> } }[keyof E['answers']]
    : AnswerBody<E, keyof E['answers']>;

type Handler<E extends Endpoint, Body = Input<E, 'body'>> = (call: Call<E, Body>) => AnswerOf<E> | Promise<AnswerOf<E>>;

/** An operation and the function that performs it. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly handler: (call: never) => unknown;
  readonly hasRawBody: boolean;
}

/**
 * Declares that `handler` performs an operation. Everything else follows from the contract: method, path, access,
 * limits, input and status. With `body: 'raw'`, the handler receives the unparsed bytes of the body.
 */
export function route<const E extends Endpoint>(endpoint: E, handler: NoInfer<Handler<E>>): Route;
export function route<const E extends Endpoint>(
  endpoint: E,
  handler: NoInfer<Handler<E, RawBody>>,
  options: { body: 'raw' },
): Route;
export function route(endpoint: Endpoint, handler: Route['handler'], options?: { body: 'raw' }): Route {
  return { endpoint, handler, hasRawBody: options !== undefined };
}

/**
 * Authenticates a request and applies its limits before its body is read, and then calls `proceed`.
 * @throws DomainError if the guard refuses the request.
 */
export type Guard<Identity> = (
  req: Request,
  res: Response,
  proceed: (caller: Identity) => Promise<void>,
) => Promise<void>;

/** Functions that create the guard of an endpoint, by the endpoint's access. */
export type Guards = { readonly [A in Access]: (endpoint: Endpoint) => Guard<CallerOf[A]> };

/**
 * Mounts the routes in the given order, each behind the guard for its access.
 * @throws Error unless each operation of the API has exactly one route.
 */
export function mountRoutes(routes: readonly Route[], guards: Guards): Router {
  for (const [name, operation] of Object.entries(Operations)) {
    const count = routes.filter(({ endpoint }) => endpoint === operation).length;
    if (count !== 1) throw new Error(`the operation ${name} has ${count} routes`);
  }
  const router = Router();
  for (const mounted of routes) {
    const { endpoint } = mounted;
    const method = endpoint.method.toLowerCase() as Lowercase<Endpoint['method']>;
    router[method](endpoint.path, toRequestHandler(mounted, guards[endpoint.access](endpoint) as Guard<unknown>));
  }
  return router;
}

/**
 * Creates the Express handler. For each request, the guard authenticates and limits the request, the body is read, the
 * handler performs the operation, and the answer is sent. The body is parsed before the path, so that an invalid body
 * is reported before an unknown id.
 */
function toRequestHandler({ endpoint, handler, hasRawBody }: Route, guard: Guard<unknown>): RequestHandler {
  const { headers, query, params, body: bodySchema, bodyBytesMax = BODY_BYTES_MAX, resource = 'resource' } = endpoint;
  const handleCall = handler as (call: object) => unknown;
  const answer = responderFor(endpoint);
  return (req, res) =>
    guard(req, res, async (caller) => {
      const call = {
        caller,
        headers: headers && parseFields(headers, req.headers),
        query: query && parseFields(query, req.query),
        body: bodySchema && (await readBody(req, hasRawBody ? null : bodySchema, bodyBytesMax)),
        params: params && parseParams(params, req.params, resource),
        req,
        res,
      };
      answer(res, (await handleCall(call)) as never);
    });
}

/** @throws NotFoundError if the parameters cannot identify a `resource`. */
function parseParams(schema: z.ZodType, params: Request['params'], resource: string): unknown {
  const parsed = schema.safeParse(params);
  if (!parsed.success) throw new NotFoundError(resource);
  return parsed.data;
}

/** Returns the function that sends the value returned by a handler of this endpoint. */
function responderFor(endpoint: Endpoint): (res: Response, answer: never) => void {
  const { access, answers, opensSession } = endpoint;
  const [status = 0, ...others] = Object.keys(answers).map(Number);
  const schema = answers[status];
  if (others.length > 0) {
    return (res, answer: { status: number; body: unknown }) => void res.status(answer.status).json(answer.body);
  }
  if (typeof schema === 'string') return () => undefined;
  if (status === 303) return redirect;
  if (schema === null) return (res) => void res.status(status).end();
  if (opensSession) {
    return (res, { value, cookies }: WithCookies<unknown>) => {
      setCookies(res, cookies);
      res.status(status).json(value);
    };
  }
  if (access === 'agent' && status === 200) return sendJson;
  if (!isRevalidated(endpoint)) return (res, answer: unknown) => void res.status(status).json(answer);
  return (res, answer: unknown) => {
    compressAnswer(res);
    res.set('Cache-Control', 'private, no-cache').json(answer);
  };
}

/** Whether the client may cache the response and revalidate it with its ETag. */
const isRevalidated = ({ method, access, noStore }: Endpoint): boolean =>
  method === 'GET' && access !== 'public' && access !== 'agent' && !noStore;

function redirect(res: Response, { location, cookies }: Redirect): void {
  setCookies(res, cookies);
  res.status(303).set('Location', location).end();
}

/** Adds cookies to a response. */
export function setCookies(res: Response, cookies: readonly string[]): void {
  for (const cookie of cookies) res.append('Set-Cookie', cookie);
}

/**
 * Responds with 200 and uncacheable JSON. Unlike `res.json`, computes no ETag and writes once, because these responses
 * are sent thousands of times a second.
 */
function sendJson(res: Response, value: object): void {
  const text = JSON.stringify(value);
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(text);
}
