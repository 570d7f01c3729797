import { z } from 'zod';
import { AvailabilityWindow } from './availability.js';
import { ExitReason } from './container-exit.js';
import { ContainerProblemCode } from './container-problems.js';
import { ContainerState, DockerId } from './container.js';
import { ContainerFreshness, Freshness } from './freshness.js';
import { HOST_EVENT_KINDS, HostEventKind } from './host-events.js';
import { HostLabelKey } from './host-labels.js';
import { HostProblemCode } from './host-problems.js';
import { Id } from './id.js';
import { Instant } from './instant.js';
import { NAME_LENGTH_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from './limits.js';
import { EventKind } from './history.js';
import { SAME_ORIGIN_PATH_PATTERN } from './same-origin-path.js';
import { Health } from './parse-status.js';
import { text } from './text.js';

/** A parameter that may be repeated up to 50 times. */
const anyOf = <S extends z.ZodType>(schema: S) =>
  z.preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), z.array(schema).max(50));

const filterTerm = text(1, NAME_LENGTH_MAX);
const Cursor = z.string().min(1).max(4_096);
const Limit = z
  .string()
  .refine((value) => /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= PAGE_LIMIT_MAX, {
    error: `must be a whole number from 1 to ${PAGE_LIMIT_MAX}`,
  })
  .transform(Number)
  .default(PAGE_LIMIT_DEFAULT)
  .meta({ type: 'integer', minimum: 1, maximum: PAGE_LIMIT_MAX });

/** The paging parameters of every list. */
const PagingParameters = { cursor: Cursor.optional(), limit: Limit };

/**
 * A boolean, false by default. Its JSON Schema has the type boolean, so that generated clients take a boolean instead
 * of a text.
 */
const BooleanParameter = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true')
  .meta({ type: 'boolean' });

/** Requests the total number of items in addition to the page. */
const CountParameter = { count: BooleanParameter };

const withDescending = <Key extends string>(keys: readonly Key[]) => keys.flatMap((key) => [key, `-${key}`] as const);

/** Parses a sort order: a key, with the prefix `-` for descending. */
const parseSort = <Key extends string>(sort: Key | `-${Key}`) => ({
  key: (sort.startsWith('-') ? sort.slice(1) : sort) as Key,
  descending: sort.startsWith('-'),
});

/**
 * The sort keys of containers. The prefix `-` means descending. Containers with equal keys are sorted by host and
 * `dockerId`. Containers with the same `image` are first sorted by name.
 */
export const CONTAINER_SORT_KEYS = ['name', 'image', 'state', 'firstSeenAt', 'changedAt'] as const;
export type ContainerSortKey = (typeof CONTAINER_SORT_KEYS)[number];

/**
 * The sort keys that require `hostId`. No index has their order, because every restart of a container would have to
 * update that index.
 */
export const HOST_ONLY_SORT_KEYS: readonly ContainerSortKey[] = ['state', 'changedAt'];

/** A label filter. `k=v` matches one value, which may be empty or contain `=`. `k` matches any value. */
const LabelFilter = filterTerm.transform((value) => {
  const equals = value.indexOf('=');
  return equals === -1 ? { key: value, value: null } : { key: value.slice(0, equals), value: value.slice(equals + 1) };
});

/** Filters by the labels of hosts. If the parameter is repeated, a host must have all of the labels. */
export const HostLabelFilters = { hostLabel: anyOf(LabelFilter).optional() };

/** Query parameters of the operations that count or summarize hosts, and have no other filter. */
export const HostLabelQuery = z.strictObject(HostLabelFilters);
export type HostLabelQuery = z.output<typeof HostLabelQuery>;

/** Query parameters of `GET /api/host-groups`. */
export const HostGroupQuery = z.strictObject({ by: HostLabelKey, ...HostLabelFilters });
export type HostGroupQuery = z.output<typeof HostGroupQuery>;

/** Filters by the workload of a container. */
const WorkloadFilters = {
  project: anyOf(filterTerm).optional(),
  service: anyOf(filterTerm).optional(),
  instance: anyOf(filterTerm).optional(),
};

const containerQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  hostFreshness: anyOf(ContainerFreshness).optional(),
  ...HostLabelFilters,
  state: anyOf(ContainerState).optional(),
  health: anyOf(Health).optional(),
  problem: anyOf(ContainerProblemCode).optional(),
  exitReason: anyOf(ExitReason).optional(),
  image: anyOf(filterTerm).optional(),
  imageDigest: anyOf(filterTerm).optional(),
  label: anyOf(LabelFilter).optional(),
  ...WorkloadFilters,
  q: filterTerm.optional(),
  presence: z.enum(['present', 'removed', 'all']).default('present'),
  infra: BooleanParameter,
  sort: z
    .enum(withDescending(CONTAINER_SORT_KEYS))
    .default('name')
    .transform((sort) => parseSort<ContainerSortKey>(sort)),
  ...CountParameter,
  ...PagingParameters,
});

/**
 * Query parameters of `GET /api/containers`. If `label` or `hostLabel` is repeated, all of the labels must match. If
 * any other filter is repeated, one of its values must match. `hostFreshness` matches the container's freshness. The
 * summary counts containers with the freshness `online` as `current`, and all others as `lastKnown`. `imageDigest`
 * matches the container's digest or, if the container has no digest, its `imageId`. `project`, `service` and `instance`
 * match the container's workload. `q` matches a part of the name, image or command, or the beginning of `dockerId`. A
 * `q` of one or two characters matches only the beginning of the name or of `dockerId`. With `infra`, the list and its
 * total include the infra containers of pods. The summary and the counts of hosts never include them, and the filter
 * `problem` never matches one.
 */
export const ContainerQuery = containerQuery.refine(
  ({ sort, hostId }) => hostId !== undefined || !HOST_ONLY_SORT_KEYS.includes(sort.key),
  { path: ['sort'], error: `can be ${HOST_ONLY_SORT_KEYS.join(' or ')} only together with hostId` },
);
export type ContainerQuery = z.output<typeof ContainerQuery>;

/**
 * The sort keys of hosts. The prefix `-` means descending. Ties are sorted by id. `severity` is a number: 0 for a host
 * whose agent left, 1 for an online host without problems, 2 for the freshness `never`, 3 for a minor problem, 4 for
 * the freshness `stale`, and 5 for the freshness `offline` or `engine_down` or a severe problem. `engine` sorts by the
 * engine's name and version. Versions are compared number by number, so 29.10 follows 29.9.
 */
export const HOST_SORT_KEYS = [
  'name',
  'severity',
  'enrolledAt',
  'lastSeenAt',
  'containerCount',
  'engine',
  'agentVersion',
] as const;
export type HostSortKey = (typeof HOST_SORT_KEYS)[number];

/**
 * Query parameters of `GET /api/hosts`. If a filter is repeated, one of its values must match. `problem` is a code of
 * the host's `problems`. `state` matches hosts that have a present container in that state. `engine` matches the
 * engine's name. `q` matches a part of the host's name or `engineId`, or the beginning of its id. `sharedName=true`
 * matches hosts whose name another host has.
 */
export const HostQuery = z.strictObject({
  freshness: anyOf(Freshness).optional(),
  problem: anyOf(HostProblemCode).optional(),
  state: anyOf(ContainerState).optional(),
  engine: anyOf(filterTerm).optional(),
  agentVersion: anyOf(filterTerm).optional(),
  ...HostLabelFilters,
  q: filterTerm.optional(),
  sharedName: BooleanParameter,
  sort: z
    .enum(withDescending(HOST_SORT_KEYS))
    .default('name')
    .transform((sort) => parseSort<HostSortKey>(sort)),
  ...CountParameter,
  ...PagingParameters,
});
export type HostQuery = z.output<typeof HostQuery>;

/** The window of availability, which ends now. */
const WindowParameter = { window: AvailabilityWindow.default('7d') };

/** Query parameters of `GET /api/hosts/{hostId}/availability`. */
export const HostAvailabilityQuery = z.strictObject(WindowParameter);
export type HostAvailabilityQuery = z.output<typeof HostAvailabilityQuery>;

/** The sort keys of hosts with their availability. The prefix `-` means descending. Ties are sorted by name and id. */
export const AVAILABILITY_SORT_KEYS = ['ratio', 'name'] as const;
export type AvailabilitySortKey = (typeof AVAILABILITY_SORT_KEYS)[number];

/** Query parameters of `GET /api/availability`. Hosts without a ratio are last in both directions. */
export const AvailabilityQuery = z.strictObject({
  ...WindowParameter,
  hostId: anyOf(Id).optional(),
  ...HostLabelFilters,
  sort: z
    .enum(withDescending(AVAILABILITY_SORT_KEYS))
    .default('ratio')
    .transform((sort) => parseSort<AvailabilitySortKey>(sort)),
  ...PagingParameters,
});
export type AvailabilityQuery = z.output<typeof AvailabilityQuery>;

/** Query parameters of `GET /api/availability-groups`. `by` is the key of a host label. */
export const AvailabilityGroupsQuery = z.strictObject({ ...WindowParameter, by: HostLabelKey, ...HostLabelFilters });
export type AvailabilityGroupsQuery = z.output<typeof AvailabilityGroupsQuery>;

/** Query parameters of `GET /api/enrollment-tokens`. Sorted newest first. */
export const EnrollmentTokenQuery = z.strictObject({ ...PagingParameters });
export type EnrollmentTokenQuery = z.output<typeof EnrollmentTokenQuery>;

/** The kinds of all events, of containers and of hosts. */
const AnyEventKind = z.enum([...EventKind.options, ...HOST_EVENT_KINDS]);

const eventQuery = z.strictObject({
  /** Whether to list events of containers or of hosts. */
  subject: z.enum(['container', 'host']).default('container'),
  hostId: anyOf(Id).optional(),
  ...HostLabelFilters,
  dockerId: anyOf(DockerId).optional(),
  name: anyOf(filterTerm).optional(),
  kind: anyOf(AnyEventKind).optional(),
  exitReason: anyOf(ExitReason).optional(),
  ...WorkloadFilters,
  since: Instant.optional(),
  until: Instant.optional(),
  ...PagingParameters,
});

/** The filters of events that apply only to containers. */
const CONTAINER_EVENT_FILTERS = ['dockerId', 'name', 'exitReason', 'project', 'service', 'instance'] as const;

/** Refuses filters that no event of the subject can match. */
function checkSubject(query: Omit<z.output<typeof eventQuery>, 'cursor' | 'limit'>, context: z.RefinementCtx): void {
  const isHost = query.subject === 'host';
  for (const filter of CONTAINER_EVENT_FILTERS) {
    if (isHost && query[filter] !== undefined)
      context.addIssue({ code: 'custom', path: [filter], message: 'applies only to events of containers' });
  }
  const kinds: readonly string[] = isHost ? HOST_EVENT_KINDS : EventKind.options;
  for (const [index, kind] of (query.kind ?? []).entries()) {
    if (!kinds.includes(kind)) {
      const message = `must be a kind of ${query.subject} events: ${kinds.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['kind', index], message });
    }
  }
}

/**
 * Query parameters of `GET /api/hosts/:hostId/events`. Sorted newest first. `since` (inclusive) and `until` (exclusive)
 * apply to `at`.
 */
export const HostEventQuery = z.strictObject({
  kind: anyOf(HostEventKind).optional(),
  since: Instant.optional(),
  until: Instant.optional(),
  ...PagingParameters,
});
export type HostEventQuery = z.output<typeof HostEventQuery>;

/**
 * Query parameters of `GET /api/events`. Sorted newest first. `project`, `service` and `instance` match the container's
 * workload at the time of the event. They match no event that was recorded before version 0.4. `since` (inclusive) and
 * `until` (exclusive) apply to `recordedAt`, which is the server's time. With `subject=host`, they apply to `at`.
 */
export const EventQuery = eventQuery.superRefine(checkSubject);
export type EventQuery = z.output<typeof EventQuery>;

/** Query parameters of `GET /api/audit`. Sorted newest first. */
export const AuditQuery = z.strictObject({ ...PagingParameters });
export type AuditQuery = z.output<typeof AuditQuery>;

/**
 * Query parameters of `GET /api/images`. Sorted by image reference. `q` matches a part of the reference. With
 * `hostLabel`, only containers on hosts with these labels are counted and compared.
 */
export const ImageQuery = z.strictObject({ q: filterTerm.optional(), ...HostLabelFilters, ...PagingParameters });
export type ImageQuery = z.output<typeof ImageQuery>;

/** Query parameters of `GET /api/images/builds`. `image` is the whole reference, as `GET /api/images` returns it. */
export const ImageBuildsQuery = z.strictObject({ image: filterTerm, ...HostLabelFilters });
export type ImageBuildsQuery = z.output<typeof ImageBuildsQuery>;

const PortNumber = z
  .string()
  .refine((value) => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535, {
    error: 'must be a whole number from 1 to 65535',
  })
  .transform(Number)
  .meta({ type: 'integer', minimum: 1, maximum: 65_535 });

/** Query parameters of `GET /api/ports`. Sorted by host, then by port. */
export const PortQuery = z.strictObject({
  port: anyOf(PortNumber).optional(),
  type: anyOf(z.enum(['tcp', 'udp', 'sctp'])).optional(),
  hostId: anyOf(Id).optional(),
  ...HostLabelFilters,
  ...PagingParameters,
});
export type PortQuery = z.output<typeof PortQuery>;

/** Query parameters of `GET /api/sd/hosts`. `port` is added to each target. */
export const ServiceDiscoveryQuery = z.strictObject({
  port: PortNumber.optional().meta({ description: 'The port that is added to each target.' }),
  ...HostLabelFilters,
});
export type ServiceDiscoveryQuery = z.output<typeof ServiceDiscoveryQuery>;

/** Query parameters of `GET /api/projects`. Sorted by project, then by host. */
export const ProjectQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  ...HostLabelFilters,
  q: filterTerm.optional(),
  ...PagingParameters,
});
export type ProjectQuery = z.output<typeof ProjectQuery>;

/** Query parameters of lists that have only paging parameters. */
export const PageQuery = z.strictObject({ ...PagingParameters });
export type PageQuery = z.output<typeof PageQuery>;

/** Query parameters of the operations that remove a member or change a member's role. */
export const MemberCredentialsQuery = z.strictObject({
  /**
   * If true, API keys and enrollment tokens of the member stay valid, even if the member may no longer create such keys
   * and tokens.
   */
  keepCredentials: BooleanParameter,
});
export type MemberCredentialsQuery = z.output<typeof MemberCredentialsQuery>;

const ExportFormat = { format: z.enum(['csv', 'ndjson']).default('csv') };

/** Query parameters of `GET /api/export/containers`: the filters of `GET /api/containers`, and the file format. */
export const ContainerExportQuery = containerQuery
  .omit({ cursor: true, limit: true, sort: true, count: true })
  .extend(ExportFormat);
export type ContainerExportQuery = z.output<typeof ContainerExportQuery>;

/** Query parameters of `GET /api/export/events`: the filters of `GET /api/events`, and the file format. */
export const EventExportQuery = eventQuery
  .omit({ cursor: true, limit: true })
  .extend(ExportFormat)
  .superRefine(checkSubject);
export type EventExportQuery = z.output<typeof EventExportQuery>;

/**
 * Query parameters of `GET /api/sign-in/oidc`. `next` is the page to open after signing in, without the path of the
 * public URL. By default, it is the fleet page.
 */
export const OidcSignInQuery = z.strictObject({
  next: z
    .string()
    .max(2_000)
    .regex(new RegExp(SAME_ORIGIN_PATH_PATTERN), { error: 'must be a path on this server' })
    .optional(),
});
export type OidcSignInQuery = z.output<typeof OidcSignInQuery>;

const oidcCallbackParameter = (description: string) => z.string().optional().meta({ description });

/**
 * Query parameters of `GET /api/sign-in/oidc/callback`. The identity provider sends these parameters and may send
 * others.
 */
export const OidcCallbackQuery = z.looseObject({
  state: oidcCallbackParameter('Identifies the sign-in attempt (RFC 6749, 4.1.2).'),
  code: oidcCallbackParameter('OAuth authorization code.'),
  error: oidcCallbackParameter('OAuth error code, sent instead of `code` if the sign-in failed.'),
  error_description: oidcCallbackParameter('A description of the error.'),
  iss: oidcCallbackParameter('The issuer identifier of the provider (RFC 9207).'),
});

/**
 * Query parameters of `GET /api/stream`, which filter the events. By default, all events are sent. With `name` or
 * `exitReason`, no events of hosts are sent.
 */
export const StreamQuery = z.strictObject({
  hostId: anyOf(Id).optional(),
  kind: anyOf(AnyEventKind).optional(),
  name: anyOf(filterTerm).optional(),
  exitReason: anyOf(ExitReason).optional(),
});
export type StreamQuery = z.output<typeof StreamQuery>;
