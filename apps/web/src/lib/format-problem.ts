import type { ContainerProblemCode, HostProblemCode } from '@muster/contracts';

/** The names of host problems, as headings. */
export const PROBLEM_TITLES: Readonly<Record<HostProblemCode, string>> = {
  engine_unreachable: 'Engine unreachable',
  list_refused: 'Container list refused',
  too_many_containers: 'Too many containers',
  snapshot_refused: 'Snapshot refused',
  truncated: 'Shortened fields',
  clone_suspected: 'Possible clone',
  clock_skew: 'Clock skew',
};

/** For each problem, whether the displayed containers of a host with the problem may differ from those on the host. */
export const SEVERE_PROBLEMS: Readonly<Record<HostProblemCode, boolean>> = {
  engine_unreachable: true,
  list_refused: true,
  too_many_containers: true,
  snapshot_refused: true,
  truncated: false,
  clone_suspected: true,
  clock_skew: false,
};

/** The names of container problems, as labels. */
export const CONTAINER_PROBLEM_TITLES: Readonly<Record<ContainerProblemCode, string>> = {
  crash_loop: 'Crash loop',
  unhealthy: 'Unhealthy',
  dead: 'Dead',
  failed: 'Crashed',
};
export const CONTAINER_PROBLEM_CODES = Object.keys(CONTAINER_PROBLEM_TITLES) as ContainerProblemCode[];
