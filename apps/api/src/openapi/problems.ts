import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Operation, type ProblemType } from '@muster/contracts';
import { PROBLEMS } from '../http/problem.js';

const INTERNAL_ERROR = { type: ProblemTypes.internal, status: 500, title: 'Internal error' };
const PROBLEM_KINDS = [...Object.values(PROBLEMS), INTERNAL_ERROR];

/** The meaning of each problem for the caller. */
const PROBLEM_DESCRIPTIONS: Readonly<Partial<Record<ProblemType, string>>> = {
  [ProblemTypes.invalidRequest]: 'The request is invalid: `errors` lists the invalid fields.',
  [ProblemTypes.tokenInvalid]: 'Missing, unknown, expired, revoked or used-up credentials.',
  [ProblemTypes.credentialsInvalid]: 'Wrong email address or password.',
  [ProblemTypes.forbidden]: 'The credentials are valid, but do not permit this operation.',
  [ProblemTypes.notFound]: 'The resource does not exist, or belongs to another organization.',
  [ProblemTypes.conflict]: 'The request conflicts with the current state.',
  [ProblemTypes.engineIdInUse]:
    'A host with this engineId is still reporting: retry after the time in Retry-After, or enroll with another engineId.',
  [ProblemTypes.hostDeleted]: 'An operator deleted the host. Enroll the machine again to create a new host.',
  [ProblemTypes.requestTimeout]: 'The body arrived too slowly or was not complete in time.',
  [ProblemTypes.bodyTooLarge]: 'The body is too large, before or after decompression.',
  [ProblemTypes.unsupportedMediaType]: 'The body must be UTF-8 JSON, optionally gzip-compressed.',
  [ProblemTypes.rateLimited]: 'Too many requests: retry after the time in Retry-After.',
  [ProblemTypes.internal]: 'Internal error. See the server log for this request id.',
  [ProblemTypes.unavailable]:
    'The server is overloaded or cannot reach its database: retry after the time in Retry-After.',
};

/**
 * Returns the problems that an operation can return: those implied by its access, path and body, and its `refusals`.
 */
function problemTypesOf({ method, path, access, query, headers, body, refusals = [] }: Operation) {
  const isApi = path.startsWith('/api/');
  const isForOperators = ['viewer', 'admin', 'owner', 'user'].includes(access);
  const includeIf = (condition: boolean, ...types: ProblemType[]) => (condition ? types : []);
  return new Set<ProblemType>([
    // A path parameter may contain an invalid percent-encoding.
    ...includeIf(Boolean(query ?? headers ?? body) || path.includes(':'), ProblemTypes.invalidRequest),
    ...includeIf(access !== 'public', ProblemTypes.tokenInvalid),
    // A write with a session cookie is forbidden if a page of another site sent the request. Every access except
    // `viewer` also requires a certain role or a signed-in user.
    ...includeIf(
      (isForOperators && method !== 'GET') || (isForOperators && access !== 'viewer'),
      ProblemTypes.forbidden,
    ),
    ...includeIf(access === 'metrics', ProblemTypes.forbidden, ProblemTypes.rateLimited),
    ...includeIf(path.includes(':'), ProblemTypes.notFound),
    ...includeIf(access === 'agent', ProblemTypes.hostDeleted),
    ...includeIf(
      body !== undefined,
      ProblemTypes.requestTimeout,
      ProblemTypes.bodyTooLarge,
      ProblemTypes.unsupportedMediaType,
    ),
    ...includeIf(isApi, ProblemTypes.rateLimited, ProblemTypes.internal, ProblemTypes.unavailable),
    ...refusals,
  ]);
}

const componentName = (type: ProblemType): string =>
  type.slice('/problems/'.length).replace(/(?:^|-)(\w)/g, (_match, letter: string) => letter.toUpperCase());

const exampleOf = ({ type, status, title }: (typeof PROBLEM_KINDS)[number]) => ({
  type,
  title,
  status,
  detail: PROBLEM_DESCRIPTIONS[type],
  requestId: '5b0c7c0e-6d3f-4c1f-9b57-6a4f0e9a2d11',
  ...(type === ProblemTypes.invalidRequest
    ? { errors: [{ path: '/limit', message: 'must be a whole number from 1 to 200' }] }
    : {}),
});

const PROBLEM_SCHEMA = { $ref: '#/components/schemas/Problem' };
const REQUEST_ID_HEADER = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };
const RETRY_AFTER_HEADER = { 'Retry-After': { $ref: '#/components/headers/Retry-After' } };
const AUTHENTICATE_HEADER = { 'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' } };

const TYPES_WITH_RETRY_AFTER: ReadonlySet<ProblemType> = new Set([
  ProblemTypes.engineIdInUse,
  ProblemTypes.rateLimited,
  ProblemTypes.unavailable,
]);

const headersOf = (status: number, types: readonly ProblemType[]) => ({
  ...REQUEST_ID_HEADER,
  ...(status === 401 ? AUTHENTICATE_HEADER : {}),
  ...(types.some((type) => TYPES_WITH_RETRY_AFTER.has(type)) ? RETRY_AFTER_HEADER : {}),
});

/**
 * Returns the shared error responses: one per problem type, and `OtherProblem` for errors that any operation can
 * return.
 */
export const problemResponses = (): Record<string, object> => ({
  ...Object.fromEntries(
    PROBLEM_KINDS.map((kind) => [
      componentName(kind.type),
      {
        description: PROBLEM_DESCRIPTIONS[kind.type],
        headers: headersOf(kind.status, [kind.type]),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: PROBLEM_SCHEMA, example: exampleOf(kind) } },
      },
    ]),
  ),
  OtherProblem: {
    description: 'Any other error, for example an unsupported method (405) or an incomplete request (408).',
    headers: REQUEST_ID_HEADER,
    content: { [PROBLEM_MEDIA_TYPE]: { schema: PROBLEM_SCHEMA } },
  },
});

/** Returns the error responses of an operation, by status. */
export function problemResponsesOf(operation: Operation): Record<string, object> {
  const types = problemTypesOf(operation);
  const kinds = PROBLEM_KINDS.filter(({ type }) => types.has(type));
  const statuses = [...new Set(kinds.map(({ status }) => status))];
  const responses = statuses.map((status) => {
    const ofStatus = kinds.filter((kind) => kind.status === status);
    return [String(status), responseOf(status, ofStatus)] as const;
  });
  return { ...Object.fromEntries(responses), default: { $ref: '#/components/responses/OtherProblem' } };
}

function responseOf(status: number, kinds: typeof PROBLEM_KINDS): object {
  const [first, ...others] = kinds;
  if (first !== undefined && others.length === 0)
    return { $ref: `#/components/responses/${componentName(first.type)}` };
  return {
    description: kinds.map(({ type }) => PROBLEM_DESCRIPTIONS[type]).join(' Or: '),
    headers: headersOf(
      status,
      kinds.map(({ type }) => type),
    ),
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: PROBLEM_SCHEMA,
        examples: Object.fromEntries(kinds.map((kind) => [componentName(kind.type), { value: exampleOf(kind) }])),
      },
    },
  };
}
