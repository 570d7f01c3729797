import { z } from 'zod';
import { ApiKey, Invitation, Member, SessionItem } from './accounts.js';
import { ContainerView } from './container-view.js';
import { EnrollmentToken } from './enrollment.js';
import { AuditEntry, ContainerEvent } from './history.js';
import { HostEvent } from './host-events.js';
import { Host } from './host.js';

/**
 * One page of a list. Only a null `nextCursor` marks the last page. A page may contain fewer items than `limit`, even
 * none, if finding more would have taken too long.
 */
export const page = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/**
 * A page of a list that supports `count=true`. With this parameter, `total` is the number of items on all pages, or a
 * lower bound if `totalIsExact` is false.
 */
const countedPage = <S extends z.ZodType>(item: S) =>
  page(item).extend({ total: z.int().nonnegative().optional(), totalIsExact: z.boolean().optional() });
export interface CountedPage<T> extends Page<T> {
  total?: number;
  totalIsExact?: boolean;
}

// The page schemas are exported because the OpenAPI document has names only for exported schemas. A generated client
// therefore has a type `HostPage` instead of `ListHostsResponse200`.

export const EnrollmentTokenPage = page(EnrollmentToken);
export type EnrollmentTokenPage = z.output<typeof EnrollmentTokenPage>;

export const HostPage = countedPage(Host);
export type HostPage = z.output<typeof HostPage>;

/** `incomplete` is true if the page ended because finding more would have taken too long. */
export const ContainerPage = countedPage(ContainerView).extend({ incomplete: z.boolean().optional() });
export type ContainerPage = z.output<typeof ContainerPage>;

/**
 * A page of container events or, with `subject=host`, of host events. The TypeScript type is the type for container
 * events. A client that requests host events parses the page with `HostEventPage`.
 */
export const EventPage = page(z.union([ContainerEvent, HostEvent])) as unknown as ReturnType<
  typeof page<typeof ContainerEvent>
>;
export type EventPage = z.output<typeof EventPage>;

export const HostEventPage = page(HostEvent);
export type HostEventPage = z.output<typeof HostEventPage>;

export const AuditEntryPage = page(AuditEntry);
export type AuditEntryPage = z.output<typeof AuditEntryPage>;

export const MemberPage = page(Member);
export type MemberPage = z.output<typeof MemberPage>;

export const InvitationPage = page(Invitation);
export type InvitationPage = z.output<typeof InvitationPage>;

export const ApiKeyPage = page(ApiKey);
export type ApiKeyPage = z.output<typeof ApiKeyPage>;

/** A list without pages. */
export const SessionList = z.object({ items: z.array(SessionItem) });
export type SessionList = z.output<typeof SessionList>;
