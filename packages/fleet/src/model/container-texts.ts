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

/** Returns canonical JSON: the role's container is canonical, and the replaced fields keep their places. */
function containerText(container: SimulatedContainer, status: string, epochMs: number): string {
  const { dockerId, role, release, state, startedAtMs } = container;
  const image = `${role.container.image}.${release}`;
  const imageId = `${role.container.imageId!.slice(0, -4)}${release.toString(16).padStart(4, '0')}`;
  const startedAt = new Date(epochMs + startedAtMs).toISOString();
  return JSON.stringify({ ...role.container, dockerId, image, imageId, state, status, startedAt });
}

/**
 * Returns the canonical JSON of each container at `nowMs`. Returns the array `previous` itself if all texts are the
 * same. `epochMs` is the simulation's start, in milliseconds since 1970. Creates a text only if its container has
 * changed or the text has expired.
 */
export function containerTexts(
  containers: readonly SimulatedContainer[],
  previous: readonly string[],
  nowMs: number,
  epochMs: number,
): readonly string[] {
  let isSame = containers.length === previous.length;
  const texts = containers.map((container, index) => {
    if (container.text === null || container.text.expiresAtMs <= nowMs) {
      const { text: status, agesAtMs: expiresAtMs } = statusText(container, nowMs);
      container.text = { json: containerText(container, status, epochMs), expiresAtMs };
    }
    isSame &&= container.text.json === previous[index];
    return container.text.json;
  });
  return isSame ? previous : texts;
}
