import { z } from 'zod';
import { Container } from './container.js';
import { fieldErrors, type FieldError, type Parsed } from './field-errors.js';
import { PROBLEM_ERRORS_MAX, SNAPSHOT_CONTAINERS_MAX } from './limits.js';

/**
 * The whole state of one host: the body of `POST /api/agent/containers`. The schema is what documents and clients
 * use; a server takes `parseSnapshot`, which holds the same rules and cannot be made to work for a hopeless body.
 */
export const Snapshot = z.array(Container).max(SNAPSHOT_CONTAINERS_MAX);
export type Snapshot = z.output<typeof Snapshot>;

/**
 * Reads a snapshot: an array of at most `SNAPSHOT_CONTAINERS_MAX` containers, no two with one `dockerId`.
 * All of it is good or none of it is taken. It stops at `PROBLEM_ERRORS_MAX` errors, so that 5,000 bad rows cost
 * no more than the first few.
 */
export function parseSnapshot(value: unknown): Parsed<Snapshot> {
  if (!Array.isArray(value)) return refused('', 'must be a JSON array of containers');
  if (value.length > SNAPSHOT_CONTAINERS_MAX) {
    return refused('', `must hold at most ${SNAPSHOT_CONTAINERS_MAX} containers, this one has ${value.length}`);
  }
  const containers: Container[] = [];
  const errors: FieldError[] = [];
  const indexById = new Map<string, number>();
  for (const [index, item] of value.entries()) {
    const parsed = Container.safeParse(item);
    if (!parsed.success) {
      errors.push(...fieldErrors(parsed.error, [index]));
    } else {
      const { dockerId } = parsed.data;
      const earlier = indexById.get(dockerId);
      if (earlier !== undefined) {
        errors.push({ path: `/${index}/dockerId`, message: `is the same as /${earlier}/dockerId` });
      }
      indexById.set(dockerId, index);
      containers.push(parsed.data);
    }
    if (errors.length >= PROBLEM_ERRORS_MAX) break;
  }
  return errors.length > 0
    ? { success: false, errors: errors.slice(0, PROBLEM_ERRORS_MAX) }
    : { success: true, data: containers };
}

const refused = (path: string, message: string): Parsed<never> => ({ success: false, errors: [{ path, message }] });
