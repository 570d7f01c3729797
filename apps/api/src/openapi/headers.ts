import type { JsonSchema } from './document-shape.js';

const header = (description: string, schema: JsonSchema, example: unknown, required = false) => ({
  description,
  ...(required ? { required } : {}),
  schema,
  example,
});
const STRING_SCHEMA = { type: 'string' };

/** The response headers, by name. */
export const HEADERS = {
  'X-Request-Id': header(
    'The id of the request, as in the server log.',
    { type: 'string', format: 'uuid' },
    '5b0c7c0e-6d3f-4c1f-9b57-6a4f0e9a2d11',
    true,
  ),
  ETag: header('A hash of the response. Send it as If-None-Match.', STRING_SCHEMA, 'W/"1a2-3fb6"', true),
  RateLimit: header('The remaining quota (draft-ietf-httpapi-ratelimit-headers).', STRING_SCHEMA, '"agent";r=59;t=1'),
  'RateLimit-Policy': header(
    'The request quota of the host; absent if there is no limit.',
    STRING_SCHEMA,
    '"agent";q=600;w=60',
  ),
  'Retry-After': header('Seconds to wait before retrying.', { type: 'integer', minimum: 1 }, 2, true),
  'WWW-Authenticate': header('The required authentication (RFC 6750).', STRING_SCHEMA, 'Bearer realm="muster"', true),
  Location: header('The redirect target.', STRING_SCHEMA, '/', true),
  'Set-Cookie': header(
    'The session cookie: HttpOnly, SameSite.',
    STRING_SCHEMA,
    'muster_session=…; Path=/; HttpOnly',
    true,
  ),
};

/** Returns references to the named response headers. */
export const headerReferences = (...names: (keyof typeof HEADERS)[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
