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

/** The names of container problems, as labels. */
export const CONTAINER_PROBLEM_TITLES: Readonly<Record<ContainerProblemCode, string>> = {
  crash_loop: 'Crash loop',
  unhealthy: 'Unhealthy',
  dead: 'Dead',
  failed: 'Failed',
};
export const CONTAINER_PROBLEM_CODES = Object.keys(CONTAINER_PROBLEM_TITLES) as ContainerProblemCode[];
