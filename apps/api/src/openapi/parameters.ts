import { InstantPattern, PAGE_LIMIT_DEFAULT } from '@muster/contracts';

/** The path parameters by name. A test checks that every path, query and header parameter has a description. */

export const PATH_PARAMETERS: Readonly<Record<string, { description: string; schema: object; example: string }>> = {
  hostId: uuid('The host’s id.', 'f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293'),
  enrollmentTokenId: uuid('The enrollment token’s id.', '0199c3f0-5a4e-7c11-8f2d-6b1a2c3d4e5f'),
  apiKeyId: uuid('The API key’s id.', '0199c3f0-61b2-7d40-9a3b-7c2d3e4f5a6b'),
  dockerId: {
    description: 'The container’s id in its engine.',
    schema: { $ref: '#/components/schemas/DockerId' },
    example: '4c01db0b339c',
  },
  sessionId: uuid('The session’s id.', '0199c3f0-6a11-7b3c-8d4e-1f2a3b4c5d6e'),
  userId: uuid('The user’s id.', '0199c3f0-6b22-7c4d-9e5f-2a3b4c5d6e7f'),
  invitationId: uuid('The invitation’s id.', '0199c3f0-6c33-7d5e-8f6a-3b4c5d6e7f80'),
  file: text('The name of a file of the release.', 'muster-agent-linux-x64'),
};

export const QUERY_PARAMETERS: Readonly<Record<string, string>> = {
  cursor: 'The start of the page: `nextCursor` of the previous page. Keep all other parameters the same.',
  limit: `The maximum number of items on the page; ${PAGE_LIMIT_DEFAULT} by default.`,
  hostId: 'Filters by host id. Repeatable: matches any.',
  hostFreshness:
    'Filters by `hostFreshness`, which can differ from the `freshness` of the host itself. Repeatable: matches any.',
  dockerId: 'Filters by the engine’s container id. Repeatable: matches any.',
  state: 'Filters by container state. Repeatable: matches any.',
  health: 'Filters by health. Repeatable: matches any.',
  exitReason: 'Filters by the reason why the process exited. Repeatable: matches any.',
  image: 'Filters by image reference, exactly as the engine reports it. Repeatable: matches any.',
  imageDigest: 'Filters by the digest of the image, such as `sha256:…`. Repeatable: matches any.',
  project: 'Filters by project: a Compose project, a Swarm stack, a Kubernetes namespace or a Nomad job. Repeatable.',
  service:
    'Filters by service: a Compose or Swarm service, the owner of a Kubernetes pod with the container’s name (`web/nginx`), ' +
    'a Nomad task, or the name of any other container. Repeatable.',
  instance: 'Filters by instance, such as the number of a Compose container or the slot of a Swarm task. Repeatable.',
  label: 'Filters by label: `key=value`, or `key` for any value. Repeatable: must match all.',
  hostLabel: 'Filters by label of the host: `key=value`, or `key` for any value. Repeatable: must match all.',
  by: 'The key of the label by whose value the hosts are grouped.',
  name: 'Filters by container name. Repeatable: matches any.',
  kind: 'Filters by kind of event. Repeatable: matches any.',
  q: 'Text to search for.',
  presence: 'Filters by presence: present containers, removed ones, or both.',
  infra: 'Whether to include infra containers, which only hold the namespaces of a pod.',
  sharedName: 'Whether to return only hosts whose name another host has.',
  sort: 'The sort key; prefix `-` for descending order.',
  since: 'Returns events recorded at or after this time.',
  until: 'Returns events recorded before this time.',
  freshness: 'Filters by freshness. Repeatable: matches any.',
  problem: 'Filters by the problem of the host or container. Repeatable: matches any.',
  engine: 'Filters by engine name. Repeatable: matches any.',
  agentVersion: 'Filters by agent version. Repeatable: matches any.',
  count: 'Whether to return the number of items on all pages, as `total`.',
  window: 'The period for which the availability is computed: the last 24 hours, 7 days or 30 days.',
  subject: 'Whether to list the events of containers or those of hosts.',
  port: 'Filters by host port. Repeatable: matches any.',
  type: 'Filters by protocol. Repeatable: matches any.',
  format: 'The file format.',
  keepCredentials:
    "Whether to keep the API keys and enrollment tokens that the member's new role could not create. By default, they are revoked.",
  next: 'The path of the page to open after signing in; by default the fleet page.',
};

/** Examples of required query parameters, without which a call is refused. */
export const QUERY_EXAMPLES: Readonly<Record<string, string>> = { q: 'shop', image: 'nginx:1.29', by: 'env' };

interface RequestHeader {
  name: string;
  description: string;
  example: string;
  /** The schema that replaces the contract's schema. */
  schema?: object;
}

export const REQUEST_HEADERS: Readonly<Record<string, RequestHeader>> = {
  'snapshot-stream': {
    name: 'Snapshot-Stream',
    description:
      'A UUID that identifies the run of the agent. Send both this header and Snapshot-Sequence, or neither.',
    example: '7b1f5a3e-2c4d-4e6f-8a9b-0c1d2e3f4a5b',
  },
  'snapshot-sequence': {
    name: 'Snapshot-Sequence',
    description:
      'Increases with each snapshot of the agent’s run. Send both this header and Snapshot-Stream, or neither.',
    example: '42',
  },
  'snapshot-observed-at': {
    name: 'Snapshot-Observed-At',
    description: 'The time when the containers were listed, by the host’s clock (RFC 3339).',
    example: '2026-03-01T12:00:00Z',
    // Not the format `date-time`: openapi-python-client omits every operation that has a header of this format.
    schema: { type: 'string', pattern: InstantPattern.source },
  },
  'snapshot-complete': {
    name: 'Snapshot-Complete',
    description: '`false` for an incomplete snapshot: absent containers are not marked removed. `true` by default.',
    example: 'false',
  },
  'snapshot-gone': {
    name: 'Snapshot-Gone',
    description:
      'Only with `Snapshot-Complete: false`: the dockerIds of removed containers, at most 100, separated by commas.',
    example: '4c01db0b339c,9d2f6a1c70be',
  },
};

function uuid(description: string, example: string) {
  return { description, schema: { type: 'string', format: 'uuid' }, example };
}

function text(description: string, example: string) {
  return { description, schema: { type: 'string' }, example };
}
