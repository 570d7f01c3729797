import type { JsonSchema } from './document-shape.js';

const header = (description: string, schema: JsonSchema, example: unknown, required = false) => ({
  ...{ description, ...(required ? { required } : {}), schema, example },
});
const TEXT = { type: 'string' };

/** The headers of answers, by their names. */
export const HEADERS = {
  'X-Request-Id': header(
    'The request’s id, which the log knows it by.',
    { type: 'string', format: 'uuid' },
    '5b0c7c0e-6d3f-4c1f-9b57-6a4f0e9a2d11',
    true,
  ),
  ETag: header('Names this answer by its content: send it as If-None-Match.', TEXT, '"1a2-3fb6"', true),
  RateLimit: header('What is left (draft-ietf-httpapi-ratelimit-headers).', TEXT, '"agent";r=59;t=1'),
  'RateLimit-Policy': header('How many requests a host may make; absent without a limit.', TEXT, '"agent";q=600;w=60'),
  'Retry-After': header('Seconds to wait before the same may be good.', { type: 'integer', minimum: 1 }, 2, true),
  'WWW-Authenticate': header('What credentials are asked for (RFC 6750).', TEXT, 'Bearer realm="muster"', true),
  Location: header('Where to go on.', TEXT, '/', true),
  'Set-Cookie': header('The session’s cookie: HttpOnly, SameSite.', TEXT, 'muster_session=…; Path=/; HttpOnly', true),
};

/** Refers to headers, for an answer that has them. */
export const headers = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
