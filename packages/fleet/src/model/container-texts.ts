import { canonicalContainer, parseStatus } from '@muster/contracts';
import { statusText } from '@muster/testkit/status-text';
import type { Role, SimulatedContainer } from './container-life.js';
import { NO_PROGRESS, simulateHost } from './workload.js';

/**
 * Returns the roles of a host with `count` containers. All hosts of a fleet have the same roles, because hosts of real
 * fleets run the same services.
 */
export const createRoles = (count: number): Role[] =>
  simulateHost({ seed: 1, index: 0, containers: count, mix: 'running' })
    .snapshot(NO_PROGRESS)
    .map((container) => ({
      container: canonicalContainer(container),
      hasHealthCheck: parseStatus(container.status).health !== null,
    }));

/**
 * Returns the canonical JSON of a container at `nowMs`: the role's container is canonical, and the replaced fields keep
 * their places. `epochMs` is the simulation's start, in milliseconds since 1970.
 */
export function containerText(container: SimulatedContainer, nowMs: number, epochMs: number): string {
  const { dockerId, role, release, state, startedAtMs } = container;
  const image = `${role.container.image}.${release}`;
  const imageId = `${role.container.imageId!.slice(0, -4)}${release.toString(16).padStart(4, '0')}`;
  const status = statusText(container, nowMs);
  const startedAt = new Date(epochMs + startedAtMs).toISOString();
  return JSON.stringify({ ...role.container, dockerId, image, imageId, state, status, startedAt });
}
