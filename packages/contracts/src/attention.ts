import { z } from 'zod';
import { ContainerExit } from './container-exit.js';
import { ContainerProblemCode } from './container-problems.js';
import { ContainerFreshness, Freshness } from './freshness.js';
import { HostProblemCode } from './host-problems.js';
import { Id } from './id.js';
import { Workload } from './workload.js';

const Count = z.int().nonnegative();
const Timestamp = z.iso.datetime();

/** Maximum number of hosts or containers in `latest`. */
export const ATTENTION_LATEST_MAX = 5;

/** Maximum number of groups of one container problem. Each group is for one image. */
export const ATTENTION_IMAGES_MAX = 20;

/** Maximum number of entries in `times` of one host problem. */
export const ATTENTION_TIMES_MAX = 5;

/** Hosts share one entry of `times` if each got the problem at most this many seconds after the previous one. */
export const ATTENTION_GAP_SECONDS = 300;

/**
 * The host problems, most severe first. `offline`, `engine_down` and `stale` are derived from the host's freshness. All
 * others are codes of the host's `problems`. These codes are omitted for a host that is offline or whose agent left,
 * because they describe an earlier state. An engine that cannot be reached is reported as `engine_down`.
 */
export const HostAttentionKind = z.enum([
  'engine_down',
  'offline',
  'clone_suspected',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
  'stale',
  'truncated',
  'clock_skew',
]);
export type HostAttentionKind = z.output<typeof HostAttentionKind>;

/** Query parameters with which `GET /api/hosts` lists exactly the hosts of a group. */
export const HostAttentionFilter = z.object({
  freshness: z.array(Freshness).optional(),
  problem: z.array(HostProblemCode).optional(),
});
export type HostAttentionFilter = z.output<typeof HostAttentionFilter>;

/** The hosts with one problem. */
export const HostAttention = z.object({
  kind: HostAttentionKind,
  /** The severity from 3 to 5, as in the sort order `severity` of `GET /api/hosts`. */
  severity: z.int().min(3).max(5),
  total: Count,
  filter: HostAttentionFilter,
  /**
   * The earliest time at which one of the hosts got the problem. For `offline` and `stale`, the earliest time at which
   * one of the hosts was last seen.
   */
  since: Timestamp,
  /**
   * The latest times at which hosts got the problem, newest first. One entry can say, for example, that 1,500 hosts got
   * it since 23:17. Hosts are counted together if each got the problem at most `ATTENTION_GAP_SECONDS` after the
   * previous one.
   */
  times: z.array(z.object({ since: Timestamp, until: Timestamp, total: Count })),
  /** The `ATTENTION_LATEST_MAX` hosts that got the problem most recently, sorted by `since` in ascending order. */
  latest: z.array(z.object({ id: Id, name: z.string(), since: Timestamp })),
});
export type HostAttention = z.output<typeof HostAttention>;

/** Query parameters with which `GET /api/containers` lists exactly the containers of a group. */
export const ContainerAttentionFilter = z.object({
  problem: z.array(ContainerProblemCode),
  hostFreshness: z.array(ContainerFreshness),
  image: z.array(z.string()).optional(),
});
export type ContainerAttentionFilter = z.output<typeof ContainerAttentionFilter>;

const LatestContainer = z.object({
  hostId: Id,
  hostName: z.string(),
  dockerId: z.string(),
  name: z.string(),
  exitCode: z.int().nullable(),
  exit: ContainerExit.nullable(),
  /**
   * The container's workload. A crash loop is counted by workload, so it does not end when the container is replaced.
   */
  workload: Workload,
  /**
   * For `crash_loop`, the number of the workload's exits with an error within the last hour; otherwise null. If a
   * `looping` event combines several exits, all of them are included until an hour after the last one.
   */
  exits: Count.nullable(),
  since: Timestamp,
});

/** The containers of one image that have the same problem. */
export const ContainerAttentionGroup = z.object({
  image: z.string(),
  total: Count,
  hosts: Count,
  filter: ContainerAttentionFilter,
  /**
   * The earliest time at which one of the containers got the problem. For `crash_loop`, a container got the problem at
   * its first exit with an error within the last hour.
   */
  since: Timestamp,
  /** The `ATTENTION_LATEST_MAX` containers that got the problem most recently, sorted by `since` in ascending order. */
  latest: z.array(LatestContainer),
});
export type ContainerAttentionGroup = z.output<typeof ContainerAttentionGroup>;

/** The containers with one problem. */
export const ContainerAttention = z.object({
  kind: ContainerProblemCode,
  /** The number of containers with the problem. If `totalIsExact` is false, it is a lower bound. */
  total: Count,
  totalIsExact: z.boolean(),
  filter: ContainerAttentionFilter,
  /**
   * One group per image, sorted by image. If there are more than `ATTENTION_IMAGES_MAX` images, only the images whose
   * containers got the problem most recently are included. If `isComplete` is false, not all containers were read, and
   * each number of a group is a lower bound.
   */
  groups: z.array(ContainerAttentionGroup),
  isComplete: z.boolean(),
});
export type ContainerAttention = z.output<typeof ContainerAttention>;

/**
 * What needs attention now. The problems are in a fixed order, most severe first. Problems that no host or container
 * has are omitted. A host or container with several problems is counted under each of them, but only once in the
 * totals. Containers are included only if their host is online, because the state of other hosts' containers is
 * unknown. A single restart, an exit with code 0 and a requested stop are not problems.
 */
export const Attention = z.object({
  hosts: z.object({ total: Count, problems: z.array(HostAttention) }),
  containers: z.object({ total: Count, totalIsExact: z.boolean(), problems: z.array(ContainerAttention) }),
});
export type Attention = z.output<typeof Attention>;
