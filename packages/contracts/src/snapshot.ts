import { z } from 'zod';
import { Container } from './container.js';
import { fieldErrors, type FieldError, type Parsed } from './field-errors.js';
import { fitContainer } from './fit-container.js';
import { PROBLEM_ERRORS_MAX, SNAPSHOT_CONTAINERS_MAX } from './limits.js';
import { isPlainContainer } from './plain-container.js';

/**
 * The whole state of one host: the body of `POST /api/agent/containers`. The schema is what documents and clients
 * use; a server takes `parseSnapshot` or a reader, which hold the same rules and cannot be made to work for a hopeless body.
 */
export const Snapshot = z.array(Container).max(SNAPSHOT_CONTAINERS_MAX);
export type Snapshot = z.output<typeof Snapshot>;

/**
 * Parses one container and shortens what is over a limit. As `Container.safeParse` and `fitContainer`, and several times
 * cheaper for what is in its final form already.
 */
export function parseContainer(value: unknown): z.ZodSafeParseResult<Container> {
  if (isPlainContainer(value)) return { success: true, data: value };
  const parsed = Container.safeParse(value);
  return parsed.success ? { success: true, data: fitContainer(parsed.data) } : parsed;
}

/** What is wrong with a snapshot of more containers than `SNAPSHOT_CONTAINERS_MAX`: how many more, nobody counts. */
export const TOO_MANY_CONTAINERS = `must hold at most ${SNAPSHOT_CONTAINERS_MAX} containers, this one has more`;

/** Reads a snapshot item by item, for who has many and other things to do in between. */
export interface SnapshotReader {
  /** Looks at the whole that the items are of; what it gives is why no item needs to be looked at, or null. */
  begin(value: unknown): Parsed<never> | null;
  /** Takes the next item; false: there are `PROBLEM_ERRORS_MAX` errors already, and no further item matters. */
  add(item: unknown): boolean;
  /** All that was added, or what was wrong with it. */
  result(): Parsed<Snapshot>;
}

export function createSnapshotReader(): SnapshotReader {
  const containers: Container[] = [];
  const errors: FieldError[] = [];
  const indexById = new Map<string, number>();
  let index = -1;
  return {
    begin(value) {
      if (!Array.isArray(value)) return refused('', 'must be a JSON array of containers');
      if (value.length <= SNAPSHOT_CONTAINERS_MAX) return null;
      return refused('', TOO_MANY_CONTAINERS);
    },
    add(item) {
      index += 1;
      const parsed = parseContainer(item);
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
      return errors.length < PROBLEM_ERRORS_MAX;
    },
    result: () =>
      errors.length > 0
        ? { success: false, errors: errors.slice(0, PROBLEM_ERRORS_MAX) }
        : { success: true, data: containers },
  };
}

/**
 * Reads a snapshot: an array of at most `SNAPSHOT_CONTAINERS_MAX` containers, no two with one `dockerId`.
 * All of it is good or none of it is taken. It stops at `PROBLEM_ERRORS_MAX` errors, so that 5,000 bad rows cost
 * no more than the first few.
 */
export function parseSnapshot(value: unknown): Parsed<Snapshot> {
  const reader = createSnapshotReader();
  const refused = reader.begin(value);
  if (refused !== null) return refused;
  for (const item of value as unknown[]) if (!reader.add(item)) break;
  return reader.result();
}

const refused = (path: string, message: string): Parsed<never> => ({ success: false, errors: [{ path, message }] });
