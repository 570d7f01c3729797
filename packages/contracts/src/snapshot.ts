import { z } from 'zod';
import { Container } from './container.js';
import { fieldErrors, PLAIN_MESSAGES, type FieldError, type Parsed } from './field-errors.js';
import { fitContainer } from './fit-container.js';
import { PROBLEM_ERRORS_MAX, SNAPSHOT_CONTAINERS_MAX } from './limits.js';
import { isNormalizedContainer } from './normalized-container.js';

/**
 * The complete state of one host: the body of `POST /api/agent/containers`. This schema is for documentation and
 * clients. A server uses `parseSnapshot` or `createSnapshotReader`, which apply the same rules but stop early on an
 * invalid body.
 */
export const Snapshot = z.array(Container).max(SNAPSHOT_CONTAINERS_MAX);
export type Snapshot = z.output<typeof Snapshot>;

/**
 * Parses one container and shortens fields that exceed a limit. Returns the same result as `Container.safeParse`
 * followed by `fitContainer`. For a container that needs no change, this function is several times faster.
 */
export function parseContainer(value: unknown): z.ZodSafeParseResult<Container> {
  if (isNormalizedContainer(value)) return { success: true, data: value };
  const parsed = Container.safeParse(value, PLAIN_MESSAGES);
  return parsed.success ? { success: true, data: fitContainer(parsed.data) } : parsed;
}

/** The error of a snapshot with more than `SNAPSHOT_CONTAINERS_MAX` containers. */
export const TOO_MANY_CONTAINERS = `must contain at most ${SNAPSHOT_CONTAINERS_MAX} containers`;

/** Parses a snapshot item by item, so that the caller can yield to the event loop between items. */
export interface SnapshotReader {
  /** Checks that the value is an array that is not too long. Returns the errors, or null if the items can be added. */
  begin(value: unknown): Parsed<never> | null;
  /** Parses the next item. Returns false once there are `PROBLEM_ERRORS_MAX` errors. After that, do not add items. */
  add(item: unknown): boolean;
  /** Returns all added containers, or the errors. */
  result(): Parsed<Snapshot>;
}

export function createSnapshotReader(): SnapshotReader {
  const containers: Container[] = [];
  const errors: FieldError[] = [];
  const indexById = new Map<string, number>();
  let index = -1;
  return {
    begin(value) {
      if (!Array.isArray(value)) return parseFailure('', 'must be a JSON array of containers');
      if (value.length <= SNAPSHOT_CONTAINERS_MAX) return null;
      return parseFailure('', TOO_MANY_CONTAINERS);
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
          errors.push({ path: `/${index}/dockerId`, message: `must be unique, but equals /${earlier}/dockerId` });
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
 * Parses a snapshot: an array of at most `SNAPSHOT_CONTAINERS_MAX` containers with unique `dockerId`s. Any invalid
 * container makes the whole snapshot invalid. Stops after `PROBLEM_ERRORS_MAX` errors, so that 5,000 invalid containers
 * cost no more than the first few.
 */
export function parseSnapshot(value: unknown): Parsed<Snapshot> {
  const reader = createSnapshotReader();
  const refused = reader.begin(value);
  if (refused !== null) return refused;
  for (const item of value as unknown[]) if (!reader.add(item)) break;
  return reader.result();
}

const parseFailure = (path: string, message: string): Parsed<never> => ({
  success: false,
  errors: [{ path, message }],
});
