import type { SimContainer } from './container-life.js';
import { statusText } from './status-age.js';

/** When the simulation's beginning was, as milliseconds since 1970: what its times become instants by. */
export type EpochMs = number;

/**
 * The canonical JSON of a container: `JSON.stringify(canonicalContainer(…))` of it, at a fraction of the cost. None of
 * the texts that are set in here has a character that JSON would escape.
 */
const containerText = (
  { dockerId, role, release, state, startedAtMs }: SimContainer,
  status: string,
  epochMs: EpochMs,
) =>
  [
    `{"dockerId":"${dockerId}"`,
    role.fieldsBeforeState(release),
    `"state":"${state}"`,
    `"status":"${status}"`,
    role.fieldsAfterStatus,
    `"startedAt":"${new Date(epochMs + startedAtMs).toISOString()}"}`,
  ].join(',');

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
      container.written = { json: containerText(container, text, epochMs), agesAtMs };
    }
    const { json } = container.written;
    isSame &&= json === previous[index];
    return json;
  });
  return isSame ? previous : texts;
}

/** The body of the snapshot of these containers. */
export const snapshotText = (texts: readonly string[]): string => `[${texts.join(',')}]`;
