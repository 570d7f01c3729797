import { z } from 'zod';

/**
 * The kinds of host events, and what `from` and `to` contain. `from` and `to` are null unless the list states
 * otherwise.
 *
 * - `host_enrolled`: the host was enrolled. `to` is { name, engineId }, has `labels` if a new host has any, and has
 *   `again: true` if the host existed. `from` is { state, since } if the host was stale, offline or left until then.
 * - `host_stale`, `host_offline`: the host was silent for long enough to be stale or offline (see `Freshness`).
 *   `to.since` is the time of its last call.
 * - `host_back`: a host that was stale or offline called again. `from` is { state, since }, `to` is { silentSeconds }.
 * - `host_left`: the agent left. `from` is { state, since } if the host was stale or offline until then. No event
 *   follows until the host is enrolled again.
 * - `engine_down`, `engine_up`: the agent cannot reach its engine (problem `engine_unreachable`), or can reach it
 *   again.
 * - `agent_upgraded`, `engine_upgraded`: the version changed, perhaps to a lower one. `from` and `to` are { version }
 *   or, for the engine, { name, version }.
 * - `host_renamed`: `from` and `to` are { name }. `labels_changed`: `from` and `to` are { labels }, with only the
 *   changed labels among those that apply. `to.omittedLabels` is the number of changed labels that are too long to be
 *   recorded.
 * - `clone_suspected`: two machines seem to use the host's token. Ends with `problem_ended`.
 * - `problem_started`: `to` is { code, message }. `problem_ended`: `from` is { code, message, since }. These two kinds
 *   cover the entries of a host's `problems` that have no kind of their own.
 */
export const HOST_EVENT_KINDS = [
  'host_enrolled',
  'host_back',
  'host_stale',
  'host_offline',
  'host_left',
  'engine_down',
  'engine_up',
  'agent_upgraded',
  'engine_upgraded',
  'host_renamed',
  'labels_changed',
  'clone_suspected',
  'problem_started',
  'problem_ended',
] as const;

export const HostEventKind = z.enum(HOST_EVENT_KINDS);
export type HostEventKind = z.output<typeof HostEventKind>;

/** The state before or after an event, as described at `HOST_EVENT_KINDS`. */
export const HostEventValue = z.record(z.string(), z.unknown()).nullable();
export type HostEventValue = z.output<typeof HostEventValue>;

/**
 * One event of one host. `at` is when it happened and `recordedAt` when it was recorded, both according to the server's
 * clock. Muster records a silence only after it has become long, so `at` can be earlier than in the previous event.
 */
export const HostEvent = z.object({
  id: z.string(),
  hostId: z.uuid(),
  /** The host's current name. */
  hostName: z.string(),
  kind: HostEventKind,
  from: HostEventValue,
  to: HostEventValue,
  at: z.iso.datetime(),
  recordedAt: z.iso.datetime(),
});
export type HostEvent = z.output<typeof HostEvent>;
