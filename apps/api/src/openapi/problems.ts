import { PROBLEM_MEDIA_TYPE, ProblemTypes, type Operation, type ProblemType } from '@muster/contracts';
import { PROBLEMS } from '../http/problem.js';

const INTERNAL = { type: ProblemTypes.internal, status: 500, title: 'Internal error' };
const KINDS = [...Object.values(PROBLEMS), INTERNAL];

/** What each means to a caller. */
const MEANING: Readonly<Partial<Record<ProblemType, string>>> = {
  [ProblemTypes.invalidRequest]: 'The request breaks the contract: `errors` names the fields.',
  [ProblemTypes.tokenInvalid]: 'No credentials, or such that are not good: unknown, expired, revoked or used up.',
  [ProblemTypes.credentialsInvalid]: 'No account has this e-mail address and this password.',
  [ProblemTypes.forbidden]: 'Good credentials, which may not do this.',
  [ProblemTypes.notFound]: 'There is none, or it belongs to another organization.',
  [ProblemTypes.conflict]: 'It does not go together with what is there.',
  [ProblemTypes.engineIdInUse]: 'A live host has this engineId: try again after Retry-After, or enroll with another.',
  [ProblemTypes.hostDeleted]: 'An operator deleted the host: its agent stops.',
  [ProblemTypes.requestTimeout]: 'The body came too slowly, or not whole in time.',
  [ProblemTypes.bodyTooLarge]: 'The body is too large, as sent or decompressed.',
  [ProblemTypes.unsupportedMediaType]: 'The body is no JSON in UTF-8, plain or by gzip.',
  [ProblemTypes.rateLimited]: 'More requests than may be made: wait for as long as Retry-After says.',
  [ProblemTypes.internal]: 'A defect of ours. The log knows more under the request id.',
  [ProblemTypes.unavailable]: 'Too much at once, or the database is out of reach: try again after Retry-After.',
};

/** The kinds of problem that a call may answer with, from who may call it, what it takes and what it says itself. */
function problemTypesOf({ method, path, access, query, headers, body, refusals = [] }: Operation) {
  const isApi = path.startsWith('/api/');
  const isOperators = ['viewer', 'admin', 'owner', 'user'].includes(access);
  const takes = (condition: boolean, ...types: ProblemType[]) => (condition ? types : []);
  return new Set<ProblemType>([
    // A path with parameters may be no well-formed one.
    ...takes(Boolean(query ?? headers ?? body) || path.includes(':'), ProblemTypes.invalidRequest),
    ...takes(access !== 'anybody', ProblemTypes.tokenInvalid),
    // A session's cookie must come from a page of ours, for all that changes something.
    ...takes((isOperators && method !== 'GET') || (isOperators && access !== 'viewer'), ProblemTypes.forbidden),
    ...takes(access === 'metrics', ProblemTypes.forbidden, ProblemTypes.rateLimited),
    ...takes(path.includes(':'), ProblemTypes.notFound),
    ...takes(access === 'agent', ProblemTypes.hostDeleted),
    ...takes(
      body !== undefined,
      ProblemTypes.requestTimeout,
      ProblemTypes.bodyTooLarge,
      ProblemTypes.unsupportedMediaType,
    ),
    ...takes(isApi, ProblemTypes.rateLimited, ProblemTypes.internal, ProblemTypes.unavailable),
    ...refusals,
  ]);
}

const componentName = (type: ProblemType): string =>
  type.slice('/problems/'.length).replace(/(?:^|-)(\w)/g, (_match, letter: string) => letter.toUpperCase());

const example = ({ type, status, title }: (typeof KINDS)[number]) => ({
  ...{ type, title, status, detail: MEANING[type], requestId: '5b0c7c0e-6d3f-4c1f-9b57-6a4f0e9a2d11' },
  ...(type === ProblemTypes.invalidRequest
    ? { errors: [{ path: '/limit', message: 'must be a whole number from 1 to 200' }] }
    : {}),
});

const PROBLEM = { $ref: '#/components/schemas/Problem' };
const REQUEST_ID = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } };
const RETRY_AFTER = { 'Retry-After': { $ref: '#/components/headers/Retry-After' } };
const AUTHENTICATE = { 'WWW-Authenticate': { $ref: '#/components/headers/WWW-Authenticate' } };

const NAME_RETRY_AFTER: ReadonlySet<ProblemType> = new Set([
  ProblemTypes.engineIdInUse,
  ProblemTypes.rateLimited,
  ProblemTypes.unavailable,
]);

const headersOf = (status: number, types: readonly ProblemType[]) => ({
  ...REQUEST_ID,
  ...(status === 401 ? AUTHENTICATE : {}),
  ...(types.some((type) => NAME_RETRY_AFTER.has(type)) ? RETRY_AFTER : {}),
});

/** The answers of refusals, each by its kind's name; and `OtherProblem`, for what any call may meet. */
export const problemResponses = (): Record<string, object> => ({
  ...Object.fromEntries(
    KINDS.map((kind) => [
      componentName(kind.type),
      {
        description: MEANING[kind.type],
        headers: headersOf(kind.status, [kind.type]),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: PROBLEM, example: example(kind) } },
      },
    ]),
  ),
  OtherProblem: {
    description: 'What any call may be refused for: a method (405), a request that does not end (408), and such.',
    headers: REQUEST_ID,
    content: { [PROBLEM_MEDIA_TYPE]: { schema: PROBLEM } },
  },
});

/** The refusals of a call by their status. */
export function refusalsOf(operation: Operation): Record<string, object> {
  const types = problemTypesOf(operation);
  const kinds = KINDS.filter(({ type }) => types.has(type));
  const statuses = [...new Set(kinds.map(({ status }) => status))];
  const responses = statuses.map((status) => {
    const ofStatus = kinds.filter((kind) => kind.status === status);
    return [String(status), responseOf(status, ofStatus)] as const;
  });
  return { ...Object.fromEntries(responses), default: { $ref: '#/components/responses/OtherProblem' } };
}

function responseOf(status: number, kinds: typeof KINDS): object {
  const [first, ...others] = kinds;
  if (first !== undefined && others.length === 0)
    return { $ref: `#/components/responses/${componentName(first.type)}` };
  return {
    description: kinds.map(({ type }) => MEANING[type]).join(' Or: '),
    headers: headersOf(
      status,
      kinds.map(({ type }) => type),
    ),
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: PROBLEM,
        examples: Object.fromEntries(kinds.map((kind) => [componentName(kind.type), { value: example(kind) }])),
      },
    },
  };
}
