import { z } from 'zod';
import { ContainerState, DockerId } from './container.js';
import { Instant } from './instant.js';
import { NAME_LENGTH_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from './limits.js';
import { EventKind } from './operator.js';
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
  .default(PAGE_LIMIT_DEFAULT);

/** Pages of any list. */
const Paging = { cursor: Cursor.optional(), limit: Limit };

/** What containers can be ordered by; a `-` before it turns the order round. Ties go by host and `dockerId`, of images by name first. */
export const CONTAINER_SORT_KEYS = ['name', 'image', 'state', 'firstSeenAt', 'changedAt'] as const;
export type ContainerSortKey = (typeof CONTAINER_SORT_KEYS)[number];

const CONTAINER_SORTS = CONTAINER_SORT_KEYS.flatMap((key) => [key, `-${key}`] as const);

/** A label filter: `k=v` for a value (which may be empty, and may hold `=`), `k` alone for any value. */
const LabelFilter = term.transform((value) => {
  const equals = value.indexOf('=');
  return equals === -1 ? { key: value, value: null } : { key: value.slice(0, equals), value: value.slice(equals + 1) };
});

/** Query parameters of `GET /api/containers`. Labels must all hold; the other filters, repeated, mean any of. */
export const ContainerQuery = z.strictObject({
  hostId: anyOf(z.uuid()).optional(),
  state: anyOf(ContainerState).optional(),
  health: anyOf(Health).optional(),
  image: anyOf(term).optional(),
  label: anyOf(LabelFilter).optional(),
  q: term.optional(),
  presence: z.enum(['present', 'removed', 'all']).default('present'),
  sort: z
    .enum(CONTAINER_SORTS)
    .default('name')
    .transform((sort) => ({
      key: (sort.startsWith('-') ? sort.slice(1) : sort) as ContainerSortKey,
      descending: sort.startsWith('-'),
    })),
  ...Paging,
});
export type ContainerQuery = z.output<typeof ContainerQuery>;

/** Query parameters of `GET /api/hosts`. Hosts come by name. */
export const HostQuery = z.strictObject({ ...Paging });
export type HostQuery = z.output<typeof HostQuery>;

/** Query parameters of `GET /api/enrollment-tokens`. The newest come first. */
export const EnrollmentTokenQuery = z.strictObject({ ...Paging });
export type EnrollmentTokenQuery = z.output<typeof EnrollmentTokenQuery>;

/** Query parameters of `GET /api/events`. The newest come first; `since` is by our clock, and included. */
export const EventQuery = z.strictObject({
  hostId: anyOf(z.uuid()).optional(),
  dockerId: anyOf(DockerId).optional(),
  name: anyOf(term).optional(),
  kind: anyOf(EventKind).optional(),
  since: Instant.optional(),
  ...Paging,
});
export type EventQuery = z.output<typeof EventQuery>;

/** Query parameters of `GET /api/audit`. The newest come first. */
export const AuditQuery = z.strictObject({ ...Paging });
export type AuditQuery = z.output<typeof AuditQuery>;
