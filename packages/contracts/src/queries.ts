import { z } from 'zod';
import { ContainerState, DockerId } from './container.js';
import { ContainerFreshness, Freshness } from './freshness.js';
import { Id } from './id.js';
import { Instant } from './instant.js';
import { NAME_LENGTH_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from './limits.js';
import { EventKind } from './operator.js';
import { OWN_PATH_PATTERN } from './own-path.js';
import { Health } from './parse-status.js';
import { text } from './text.js';

/** A parameter that may be repeated: any of the values. */
const anyOf = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), z.array(schema).max(50));

const term = text(1, NAME_LENGTH_MAX);
const Cursor = z.string().min(1).max(4_096);
const Limit = z
  .string()
  .refine((value) => /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= PAGE_LIMIT_MAX, {
    error: `must be a whole number from 1 to ${PAGE_LIMIT_MAX}`,
  })
  .transform(Number)
  .default(PAGE_LIMIT_DEFAULT)
  .meta({ type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX });

/** Pages of any list. */
const Paging = { cursor: Cursor.optional(), limit: Limit };

/** Asks for how many there are in all, beside the page. */
const Counting = {
  count: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
};

const bothWays = <Key extends string>(keys: readonly Key[]) => keys.flatMap((key) => [key, `-${key}`] as const);

/** Reads a sort: a key, with a `-` before it to turn the order round. */
const toSort = <Key extends string>(sort: Key | `-${Key}`) => ({
  key: (sort.startsWith('-') ? sort.slice(1) : sort) as Key,
  descending: sort.startsWith('-'),
});

/** What containers can be ordered by; a `-` before it turns the order round. Ties go by host and `dockerId`, of images by name first. */
export const CONTAINER_SORT_KEYS = ['name', 'image', 'state', 'firstSeenAt', 'changedAt'] as const;
export type ContainerSortKey = (typeof CONTAINER_SORT_KEYS)[number];

/** A label filter: `k=v` for a value (which may be empty, and may hold `=`), `k` alone for any value. */
const LabelFilter = term.transform((value) => {
  const equals = value.indexOf('=');
  return equals === -1 ? { key: value, value: null } : { key: value.slice(0, equals), value: value.slice(equals + 1) };
});

/**
 * Query parameters of `GET /api/containers`. Labels must all hold; the other filters, repeated, mean any of.
 * `hostFreshness` is the container's: `online` is what the summary counts as current, the others what it counts as last
 * known.
 */
export const ContainerQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  hostFreshness: anyOf(ContainerFreshness).optional(),
  state: anyOf(ContainerState).optional(),
  health: anyOf(Health).optional(),
  image: anyOf(term).optional(),
  label: anyOf(LabelFilter).optional(),
  q: term.optional(),
  presence: z.enum(['present', 'removed', 'all']).default('present'),
  sort: z
    .enum(bothWays(CONTAINER_SORT_KEYS))
    .default('name')
    .transform((sort) => toSort<ContainerSortKey>(sort)),
  ...Counting,
  ...Paging,
});
export type ContainerQuery = z.output<typeof ContainerQuery>;

/** What hosts can be ordered by; a `-` before it turns the order round. Ties go by id. */
export const HOST_SORT_KEYS = ['name', 'enrolledAt', 'lastSeenAt', 'containerCount', 'agentVersion'] as const;
export type HostSortKey = (typeof HOST_SORT_KEYS)[number];

/**
 * Query parameters of `GET /api/hosts`. Filters, repeated, mean any of. `state`: hosts with a present container in it;
 * `engine`: by its name; `q` looks in the host's name, in the engine's id and at the beginning of the host's.
 */
export const HostQuery = z.strictObject({
  freshness: anyOf(Freshness).optional(),
  state: anyOf(ContainerState).optional(),
  engine: anyOf(term).optional(),
  agentVersion: anyOf(term).optional(),
  q: term.optional(),
  sort: z
    .enum(bothWays(HOST_SORT_KEYS))
    .default('name')
    .transform((sort) => toSort<HostSortKey>(sort)),
  ...Counting,
  ...Paging,
});
export type HostQuery = z.output<typeof HostQuery>;

/** Query parameters of `GET /api/enrollment-tokens`. The newest come first. */
export const EnrollmentTokenQuery = z.strictObject({ ...Paging });
export type EnrollmentTokenQuery = z.output<typeof EnrollmentTokenQuery>;

/** Query parameters of `GET /api/events`. The newest come first; `since` and `until` are by our clock, and only `since` is included. */
export const EventQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  dockerId: anyOf(DockerId).optional(),
  name: anyOf(term).optional(),
  kind: anyOf(EventKind).optional(),
  since: Instant.optional(),
  until: Instant.optional(),
  ...Paging,
});
export type EventQuery = z.output<typeof EventQuery>;

/** Query parameters of `GET /api/audit`. The newest come first. */
export const AuditQuery = z.strictObject({ ...Paging });
export type AuditQuery = z.output<typeof AuditQuery>;

/** Query parameters of `GET /api/images`. By reference; `q` looks in it. */
export const ImageQuery = z.strictObject({ q: term.optional(), ...Paging });
export type ImageQuery = z.output<typeof ImageQuery>;

const PortNumber = z
  .string()
  .refine((value) => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535, {
    error: 'must be a whole number from 1 to 65535',
  })
  .transform(Number)
  .meta({ type: 'integer', minimum: 1, maximum: 65_535 });

/** Query parameters of `GET /api/ports`. By host, then by port. */
export const PortQuery = z.strictObject({
  port: anyOf(PortNumber).optional(),
  type: anyOf(z.enum(['tcp', 'udp', 'sctp'])).optional(),
  hostId: anyOf(Id).optional(),
  ...Paging,
});
export type PortQuery = z.output<typeof PortQuery>;

/** Query parameters of `GET /api/projects`. By project, then by host. */
export const ProjectQuery = z.strictObject({ hostId: anyOf(Id).optional(), q: term.optional(), ...Paging });
export type ProjectQuery = z.output<typeof ProjectQuery>;

/** Query parameters of the lists that have none but those of pages. */
export const PageQuery = z.strictObject({ ...Paging });
export type PageQuery = z.output<typeof PageQuery>;

/** Query parameters of the calls that remove a member or give them another role. */
export const MemberCredentialsQuery = z.strictObject({
  /** Whether API keys and enrollment tokens that the member created stay valid although the member has lost the right. */
  keepCredentials: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});
export type MemberCredentialsQuery = z.output<typeof MemberCredentialsQuery>;

const ExportFormat = { format: z.enum(['csv', 'ndjson']).default('csv') };

/** Query parameters of `GET /api/export/containers`: the filters of the list, and all that they find. */
export const ContainerExportQuery = ContainerQuery.omit({ cursor: true, limit: true, sort: true, count: true }).extend(
  ExportFormat,
);
export type ContainerExportQuery = z.output<typeof ContainerExportQuery>;

/** Query parameters of `GET /api/export/events`: the filters of the list, and all that they find. */
export const EventExportQuery = EventQuery.omit({ cursor: true, limit: true }).extend(ExportFormat);
export type EventExportQuery = z.output<typeof EventExportQuery>;

/** Query parameters of `GET /api/sign-in/oidc`: the page to go on to, by its path here; the fleet by default. */
export const OidcSignInQuery = z.strictObject({
  next: z
    .string()
    .max(2_000)
    .regex(new RegExp(OWN_PATH_PATTERN), { error: 'must be a path of this server' })
    .optional(),
});
export type OidcSignInQuery = z.output<typeof OidcSignInQuery>;

const told = (description: string) => z.string().optional().meta({ description });

/** Query parameters of `GET /api/sign-in/oidc/callback`: what the identity provider says, who may say more than this. */
export const OidcCallbackQuery = z.looseObject({
  state: told('Which try this is the end of (RFC 6749, 4.1.2).'),
  code: told('What the provider vouches for somebody by, for whoever redeems it.'),
  error: told('Why it does not vouch for anybody, in place of a code.'),
  error_description: told('The same in words.'),
  iss: told('Which provider this is (RFC 9207).'),
});

/** Query parameters of `GET /api/stream`: which hosts and kinds of change to be told of; all of them by default. */
export const StreamQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  kind: anyOf(EventKind).optional(),
  name: anyOf(term).optional(),
});
export type StreamQuery = z.output<typeof StreamQuery>;
