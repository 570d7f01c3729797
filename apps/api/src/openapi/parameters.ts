import { PAGE_LIMIT_DEFAULT } from '@muster/contracts';

/** What the parameters of paths, queries and headers mean, by their names. A test wants each of them here. */

export const PATH_PARAMETERS: Readonly<Record<string, { description: string; schema: object; example: string }>> = {
  hostId: uuid('The host.', 'f3b0c5a2-7d1e-4b8a-9c3d-2e5f60718293'),
  enrollmentTokenId: uuid('The enrollment token.', '0199c3f0-5a4e-7c11-8f2d-6b1a2c3d4e5f'),
  apiKeyId: uuid('The API key.', '0199c3f0-61b2-7d40-9a3b-7c2d3e4f5a6b'),
  dockerId: {
    description: 'The container, by its engine’s id.',
    schema: { $ref: '#/components/schemas/DockerId' },
    example: '4c01db0b339c',
  },
  sessionId: uuid('The session.', '0199c3f0-6a11-7b3c-8d4e-1f2a3b4c5d6e'),
  userId: uuid('The person.', '0199c3f0-6b22-7c4d-9e5f-2a3b4c5d6e7f'),
  invitationId: uuid('The invitation.', '0199c3f0-6c33-7d5e-8f6a-3b4c5d6e7f80'),
  file: text('A file of the release, by its name.', 'muster-agent-linux-x64'),
};

export const QUERY_PARAMETERS: Readonly<Record<string, string>> = {
  cursor: 'Where the next page begins: `nextCursor` of the page before, with the same other parameters.',
  limit: `Items on a page, at most; ${PAGE_LIMIT_DEFAULT} by default.`,
  hostId: 'On this host; repeated: on any of these.',
  hostFreshness: 'Whose host confirms them this currently; repeated: any of these.',
  dockerId: 'By the engine’s id; repeated: any of these.',
  state: 'In this state; repeated: in any of these.',
  health: 'Of this health; repeated: of any of these.',
  image: 'Of this image reference, as the engine tells it; repeated: of any of these.',
  label: 'With this label: `key=value`, or `key` for any value. Repeated: with all of these.',
  name: 'By this container name; repeated: any of these.',
  kind: 'Of this kind; repeated: of any of these.',
  q: 'A piece of text to look for.',
  presence: 'Those that are there, those that were removed, or both.',
  sort: 'The order; a `-` before it turns it round.',
  since: 'Recorded at or after this instant.',
  until: 'Recorded before this instant.',
  freshness: 'Hosts that are this current.',
  engine: 'Hosts whose engine has this name.',
  agentVersion: 'Hosts whose agent is of this version.',
  count: 'Whether to tell how many there are on all pages.',
  port: 'Published on this port of the host; repeated: on any of these.',
  type: 'By this transport; repeated: by any of these.',
  format: 'How it is written.',
  keepCredentials:
    'Whether the API keys and enrollment tokens that the member created, and has lost the right to create, stay valid; by default they are revoked.',
  next: 'The page to go on to, by its path here; the fleet by default.',
};

export const REQUEST_HEADERS: Readonly<Record<string, { name: string; description: string; example: string }>> = {
  'snapshot-stream': {
    name: 'Snapshot-Stream',
    description: 'UUID of the agent’s run. Sent together with Snapshot-Sequence, or not at all.',
    example: '7b1f5a3e-2c4d-4e6f-8a9b-0c1d2e3f4a5b',
  },
  'snapshot-sequence': {
    name: 'Snapshot-Sequence',
    description:
      'The snapshot’s place in the run: each is higher than the one before. Sent together with Snapshot-Stream, or not at all.',
    example: '42',
  },
  'snapshot-observed-at': {
    name: 'Snapshot-Observed-At',
    description: 'When the containers were listed, by the host’s clock (RFC 3339).',
    example: '2026-03-01T12:00:00Z',
  },
  'snapshot-complete': {
    name: 'Snapshot-Complete',
    description: '`false`: containers may be missing, and none is taken for removed.',
    example: 'false',
  },
  'snapshot-gone': {
    name: 'Snapshot-Gone',
    description:
      'Of an incomplete snapshot, and refused with a complete one: containers that were gone by then, with commas between their dockerIds.',
    example: '4c01db0b339c,9d2f6a1c70be',
  },
};

function uuid(description: string, example: string) {
  return { description, schema: { type: 'string', format: 'uuid' }, example };
}

function text(description: string, example: string) {
  return { description, schema: { type: 'string' }, example };
}
