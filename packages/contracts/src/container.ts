import { z } from 'zod';
import { ReportedExit } from './container-exit.js';
import {
  DockerIdPattern,
  isLowerCase,
  TRUNCATABLE_FIELDS,
  type ContainerFieldName,
  type FieldValue,
} from './container-fields.js';
import { Instant } from './instant.js';
import { Labels } from './labels.js';
import { COUNT_MAX, DOCKER_ID_LENGTH_MAX } from './limits.js';
import { Ports } from './ports.js';
import { storableText, text } from './text.js';

/** The id that the engine gives a container. It is unique only within its host. */
export const DockerId = z.string().regex(DockerIdPattern, {
  error: `must be 1 to ${DOCKER_ID_LENGTH_MAX} characters from A-Z a-z 0-9 _ . -`,
});

/**
 * A container's state in lower case: one of `DOCKER_STATES`, or a state that a newer engine adds. Unknown states are
 * stored, not rejected.
 */
export const ContainerState = text(1).refine(isLowerCase, { error: 'must be lowercase' });

/** The states in Docker's documentation. */
export const DOCKER_STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;

/**
 * The names of a container's shortened fields, in the order of `TRUNCATABLE_FIELDS`. Parsed by hand, because `z.array`
 * collects the issues of every item. Unknown names are dropped, because a newer agent may send fields that this version
 * does not store.
 */
export const Truncated = z
  .custom<string[]>((value) => Array.isArray(value) && value.every((name) => typeof name === 'string'), {
    error: 'must be an array of field names',
  })
  .transform((names) => TRUNCATABLE_FIELDS.filter((field) => names.includes(field)));

/**
 * A container as an agent reports it. This schema checks only the types of the fields. `fitContainer` shortens the
 * fields to their limits. `parseContainer` applies the schema and then `fitContainer`, and the database stores the
 * result. `truncated` is absent if no field was shortened. The fields after it are null or absent if the agent did not
 * report them. Each field has a descriptor in `CONTAINER_FIELDS`.
 */
export const Container = z.object({
  dockerId: DockerId,
  name: text(1),
  image: text(1),
  imageId: storableText(z.string()).nullable().default(null),
  command: storableText(z.string()).default(''),
  state: ContainerState,
  status: text(0).default(''),
  ports: Ports.default(() => []),
  labels: Labels.default(() => Object.create(null) as Labels),
  startedAt: Instant.nullable().default(null),
  truncated: Truncated.optional(),
  exit: ReportedExit.nullish(),
  oomKilled: z.boolean().nullish(),
  restartCount: z.int().min(0).max(COUNT_MAX).nullish(),
  imageDigest: storableText(z.string()).nullish(),
} satisfies { [Name in ContainerFieldName]: z.ZodType<FieldValue<Name>> });
export type Container = z.output<typeof Container>;

/** A container in a request body: all fields except `dockerId`, `name`, `image` and `state` are optional. */
export type ContainerInput = z.input<typeof Container>;
