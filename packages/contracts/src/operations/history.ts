import type { Operation } from '../operation.js';
import { z } from 'zod';
import { Id } from '../id.js';
import { AuditEntryPage, EventPage, HostEventPage } from '../pages.js';
import { Paths } from '../paths.js';
import { AuditQuery, EventQuery, HostEventQuery, StreamQuery } from '../queries.js';

/** The operations that read the history and the audit log, or stream changes. */
export const HistoryOperations = {
  listEvents: {
    method: 'GET',
    path: Paths.events,
    tag: 'History',
    access: 'viewer',
    summary: 'List events of containers or hosts',
    description:
      'Returns the history of container changes, or with `subject=host` of host changes, newest first. Events older than the retention period (90 days by ' +
      'default) are deleted.',
    query: EventQuery,
    answers: { 200: EventPage },
  },
  listHostEvents: {
    method: 'GET',
    path: Paths.hostEvents,
    tag: 'History',
    access: 'viewer',
    summary: 'List the events of a host',
    description:
      'Returns the history of the host itself, newest first: when it became stale or offline and when it returned, ' +
      'problems, upgrades, and changes of its name and labels. Fails with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    query: HostEventQuery,
    answers: { 200: HostEventPage },
  },
  listAuditEntries: {
    method: 'GET',
    path: Paths.audit,
    tag: 'History',
    access: 'admin',
    summary: 'List audit log entries',
    description:
      'Returns the audit log, newest first: actions of operators, sign-ins and failed sign-ins, enrollments, and ' +
      'agents that left.',
    query: AuditQuery,
    answers: { 200: AuditEntryPage },
  },
  stream: {
    method: 'GET',
    path: Paths.stream,
    tag: 'History',
    access: 'viewer',
    summary: 'Stream changes as server-sent events',
    description:
      'Sends events of containers and hosts when they are committed, and changes of hosts and of the summary. The ' +
      'stream stays open until the API key or session is no longer valid. One operator can have 1,000 open streams: the ' +
      'next one fails with 429. A server process can have 5,000: the next one fails with 503.',
    query: StreamQuery,
    answers: { 200: 'text/event-stream' },
  },
} as const satisfies Record<string, Operation>;
