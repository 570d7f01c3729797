import type { Container } from '@muster/contracts';
import type { SimContainer } from './container-life.js';
import { statusText } from './status-age.js';

/** When the simulation's beginning was, as milliseconds since 1970: what its times become instants by. */
export type EpochMs = number;

/** The container as the contract has it, in canonical order. */
function toContainer(container: SimContainer, status: string, epochMs: EpochMs): Container {
  const { dockerId, role, release, state, startedAtMs } = container;
  return {
    ...{ dockerId, name: role.name, ...role.image(release), command: role.command, state, status },
    ...{ ports: [...role.ports], labels: role.labels, startedAt: new Date(epochMs + startedAtMs).toISOString() },
  };
}

/**
 * The canonical JSON of each container at `nowMs`. What was written before is taken where it still holds: only what
 * changed, and what has aged, is written anew. Gives `previous` itself where nothing differs from it.
 */
export function containerTexts(
  containers: readonly SimContainer[],
  previous: readonly string[],
  nowMs: number,
  epochMs: EpochMs,
): readonly string[] {
  let isSame = containers.length === previous.length;
  const texts = containers.map((container, index) => {
    if (container.written === null || container.written.agesAtMs <= nowMs) {
      const { text, agesAtMs } = statusText(container, nowMs);
      container.written = { json: JSON.stringify(toContainer(container, text, epochMs)), agesAtMs };
    }
    const { json } = container.written;
    isSame &&= json === previous[index];
    return json;
  });
  return isSame ? previous : texts;
}

/** The body of the snapshot of these containers. */
export const snapshotText = (texts: readonly string[]): string => `[${texts.join(',')}]`;
