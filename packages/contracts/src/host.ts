import { z } from 'zod';
import { Engine } from './enrollment.js';
import { Freshness } from './freshness.js';
import { EngineFacts } from './host-facts.js';
import { HostLabelKey, HostLabels, HostLabelsBySource } from './host-labels.js';
import { HostProblem } from './host-problems.js';
import { Id } from './id.js';
import { DISPLAY_NAME_LENGTH_MAX, HOST_DELETIONS_MAX, HOST_LABEL_CHANGES_MAX, HOST_LABELS_MAX } from './limits.js';
import { displayName } from './text.js';

const Timestamp = z.iso.datetime();

/**
 * A host. All times are according to the server's clock. `freshness` is computed when the host is read. `confirmedAt`
 * is the time when the host last confirmed its containers; it equals the `asOf` of these containers.
 */
export const Host = z.object({
  id: z.uuid(),
  name: z.string(),
  /** Whether an operator has set the name. Otherwise, it is the name that the machine reports. */
  nameSetByOperator: z.boolean(),
  /** Whether another host has the same name. */
  nameIsShared: z.boolean(),
  engineId: z.string(),
  engine: Engine,
  os: z.string(),
  arch: z.string(),
  agentVersion: z.string(),
  /** The facts that the agent reports about the machine. Null if it has not reported them. */
  addresses: z.array(z.string()).nullable(),
  kernel: z.string().nullable(),
  cpus: z.int().nullable(),
  memoryBytes: z.int().nullable(),
  engineFacts: EngineFacts.nullable(),
  /** The labels that apply to the host. */
  labels: HostLabels,
  /**
   * The labels that each source sets, including those that do not apply because an earlier source sets the same key.
   */
  labelsBySource: HostLabelsBySource,
  freshness: Freshness,
  /** The reasons why the host's state is not current or not complete, with at most one entry per code. */
  problems: z.array(HostProblem),
  /** The number of present containers, without infra containers. */
  containerCount: z.int(),
  /** The number of present infra containers, which hold the namespaces of pods. No other count includes them. */
  infraCount: z.int(),
  /** Counts of the present containers by state. Zero counts are omitted. */
  containersByState: z.record(z.string(), z.int()),
  /** Counts of the present containers with a health check, by health. Zero counts are omitted. */
  containersByHealth: z.record(z.string(), z.int()),
  /**
   * Counts of the present containers with a reported exit reason, including containers that could not start. Zero
   * counts are omitted.
   */
  containersByExitReason: z.record(z.string(), z.int()),
  revision: z.int(),
  lastSeenAt: Timestamp.nullable(),
  confirmedAt: Timestamp.nullable(),
  engineError: z.string().nullable(),
  cloneSuspectedAt: Timestamp.nullable(),
  /**
   * Seconds by which the host's clock is ahead of the server's, measured at the last heartbeat and including network
   * delay. Null if unknown.
   */
  clockSkewSeconds: z.int().nullable(),
  enrolledAt: Timestamp,
});
export type Host = z.output<typeof Host>;

/**
 * An update of a host. The host keeps a `name` that an operator sets. With null, the host takes the name that its
 * machine reports. `labels` replaces the labels that operators have set. The labels of other sources do not change.
 */
export const HostPatch = z
  .strictObject({ name: displayName(DISPLAY_NAME_LENGTH_MAX).nullable().optional(), labels: HostLabels.optional() })
  .refine(({ name, labels }) => name !== undefined || labels !== undefined, { error: 'must contain name or labels' });
export type HostPatch = z.output<typeof HostPatch>;

/** The hosts to delete. An id may occur more than once. */
export const HostDeletionRequest = z.strictObject({ hostIds: z.array(Id).min(1).max(HOST_DELETIONS_MAX) });
export type HostDeletionRequest = z.output<typeof HostDeletionRequest>;

/**
 * The ids of the deleted hosts. `notFound` contains the ids for which the organization has no host, or no longer has
 * one.
 */
export const HostDeletionResult = z.object({ deleted: z.array(z.uuid()), notFound: z.array(z.uuid()) });
export type HostDeletionResult = z.output<typeof HostDeletionResult>;

/**
 * A change of the labels that operators have set on several hosts: sets the labels in `set` and removes those whose
 * keys are in `remove`. A host id may occur more than once.
 */
export const HostLabelChange = z
  .strictObject({
    hostIds: z.array(Id).min(1).max(HOST_LABEL_CHANGES_MAX),
    set: HostLabels.default({}),
    remove: z.array(HostLabelKey).max(HOST_LABELS_MAX).default([]),
  })
  .refine(({ set, remove }) => Object.keys(set).length + remove.length > 0, { error: 'must contain set or remove' })
  .refine(({ set, remove }) => !remove.some((key) => Object.hasOwn(set, key)), {
    path: ['remove'],
    error: 'must not contain a key that set contains',
  });
export type HostLabelChange = z.output<typeof HostLabelChange>;

/**
 * The ids of the hosts whose labels changed, and of the hosts that already had the labels. `notFound` contains the ids
 * for which the organization has no host.
 */
export const HostLabelChangeResult = z.object({
  changed: z.array(z.uuid()),
  unchanged: z.array(z.uuid()),
  notFound: z.array(z.uuid()),
});
export type HostLabelChangeResult = z.output<typeof HostLabelChangeResult>;

/** A value that hosts have, and the number of hosts that have it. */
const Facet = z.object({ value: z.string(), hosts: z.int().positive() });

/**
 * The values of the filters `engine`, `agentVersion` and `hostLabel` of `GET /api/hosts`, each with the number of hosts
 * that the filter finds. Sorted by value. Versions are compared number by number, so 29.10 follows 29.9. If there are
 * more than `FACET_VALUES_MAX` values, the most frequent ones are returned, and `hasMore` is true.
 */
export const HostFacets = z.object({
  engines: z.object({ values: z.array(Facet), hasMore: z.boolean() }),
  agentVersions: z.object({
    // Whether the agent release that the server offers is newer.
    values: z.array(Facet.extend({ isOutdated: z.boolean() })),
    hasMore: z.boolean(),
  }),
  /**
   * The label keys that hosts have, each with its values. At most `FACET_LABEL_KEYS_MAX` keys with at most
   * `FACET_LABEL_VALUES_MAX` values each: the keys and values of the most hosts.
   */
  labels: z.object({
    keys: z.array(
      z.object({ key: z.string(), hosts: z.int().positive(), values: z.array(Facet), hasMore: z.boolean() }),
    ),
    hasMore: z.boolean(),
  }),
});
export type HostFacets = z.output<typeof HostFacets>;
