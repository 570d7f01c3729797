import { z } from 'zod';
import {
  DockerIdPattern,
  isLowerCase,
  TRUNCATABLE_FIELDS,
  type ContainerFieldName,
  type FieldValue,
} from './container-fields.js';
import { PLAIN_MESSAGES } from './field-errors.js';
import { Instant } from './instant.js';
import { DOCKER_ID_LENGTH_MAX, PROBLEM_ERRORS_MAX } from './limits.js';
import { storable, text, toStorable } from './text.js';

const PORT_NUMBER_MAX = 65_535;
const PortNumber = z.int().min(1).max(PORT_NUMBER_MAX);

/**
 * A port of a container and, if published, its address and port on the host: `ip` and `publicPort`. An entry stands for
 * `count` consecutive ports (default 1) that begin with `privatePort` and `publicPort`.
 */
export const Port = z
  .object({
    ip: text(0).optional(),
    privatePort: PortNumber,
    publicPort: PortNumber.optional(),
    type: z.enum(['tcp', 'udp', 'sctp']),
    count: PortNumber.optional(),
  })
  .refine(({ privatePort, publicPort = 1, count = 1 }) => count === 1 || endsInRange(privatePort, publicPort, count), {
    error: `must not extend the range beyond port ${PORT_NUMBER_MAX}`,
    path: ['count'],
  });
export type Port = z.output<typeof Port>;

/** Whether ranges of `count` ports that begin at both numbers end at or below the highest port number. */
export const endsInRange = (privatePort: number, publicPort: number, count: number): boolean =>
  Math.max(privatePort, publicPort) + count - 1 <= PORT_NUMBER_MAX;

/**
 * A container's ports. Their number has no limit, because one published range can be thousands of ports. Parsed by hand
 * because `z.array` collects the issues of every item: a 10 MiB body can hold three million invalid ports, which took
 * `z.array` 70 s and take this less than 1 s.
 */
export const Ports = z
  .custom<z.input<typeof Port>[]>((value) => Array.isArray(value), { error: 'must be an array of ports' })
  .transform((value, context) => {
    const ports: Port[] = [];
    for (const [index, item] of value.entries()) {
      if (isSimplePort(item)) {
        ports.push(item);
        continue;
      }
      const parsed = Port.safeParse(item, PLAIN_MESSAGES);
      if (parsed.success) {
        if (parsed.data.count === 1) delete parsed.data.count;
        ports.push(parsed.data);
        continue;
      }
      for (const { path, message } of parsed.error.issues) {
        context.issues.push({ code: 'custom', message, path: [index, ...path], input: item });
      }
      if (context.issues.length >= PROBLEM_ERRORS_MAX) break;
    }
    return context.issues.length > 0 ? z.NEVER : ports;
  });

/**
 * Whether `Port` would return a value unchanged. Values with a count are left to the schema. An older agent lists each
 * of a range's thousands of ports, and the schema is ten times as slow as this check.
 */
function isSimplePort(value: unknown): value is Port {
  if (typeof value !== 'object' || value === null) return false;
  const { ip, privatePort, publicPort, type } = value as Partial<Record<keyof Port, unknown>>;
  return (
    Object.keys(value).length === 2 + Number(ip !== undefined) + Number(publicPort !== undefined) &&
    isPortNumber(privatePort) &&
    (publicPort === undefined || isPortNumber(publicPort)) &&
    (ip === undefined || (typeof ip === 'string' && !ip.includes('\0') && ip.isWellFormed())) &&
    (type === 'tcp' || type === 'udp' || type === 'sctp')
  );
}

const isPortNumber = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= PORT_NUMBER_MAX;

/** The engine's id of a container. It is unique only within its host. */
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
 * A container's labels, with any text as key or value. Parsed by hand because `z.record` drops the key `__proto__`,
 * which is a valid label. The result has no prototype, so this key is safe in it.
 */
export const Labels = z
  .custom<Record<string, string>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object with string values',
  })
  .transform((value, context) => {
    const labels = Object.create(null) as Record<string, string>;
    for (const rawKey of Object.keys(value)) {
      const rawText: unknown = value[rawKey];
      const key = toStorable(rawKey);
      const text = toStorable(rawText);
      if ('message' in key || 'message' in text) {
        const message = 'message' in text ? text.message : (key as { message: string }).message;
        context.issues.push({ code: 'custom', message, path: [rawKey], input: rawText });
        return z.NEVER;
      }
      labels[key.text] = text.text;
    }
    return labels;
  });
export type Labels = z.output<typeof Labels>;

/**
 * The names of a container's shortened fields, in the order of `TRUNCATABLE_FIELDS`. Parsed by hand for the same reason
 * as `Ports`. Unknown names are dropped: a newer agent may send fields that this version does not store.
 */
export const Truncated = z
  .custom<string[]>((value) => Array.isArray(value) && value.every((name) => typeof name === 'string'), {
    error: 'must be an array of field names',
  })
  .transform((names) => TRUNCATABLE_FIELDS.filter((field) => names.includes(field)));

/**
 * One container as an agent reports it. This schema checks its form and `fitContainer` shortens its fields to their
 * limits; `parseContainer` does both, and the database stores its result. `truncated` is absent if no field was
 * shortened. Each field has a descriptor in `CONTAINER_FIELDS`.
 */
export const Container = z.object({
  dockerId: DockerId,
  name: text(1),
  image: text(1),
  imageId: storable(z.string()).nullable().default(null),
  command: storable(z.string()).default(''),
  state: ContainerState,
  status: text(0).default(''),
  ports: Ports.default(() => []),
  labels: Labels.default(() => Object.create(null) as Labels),
  startedAt: Instant.nullable().default(null),
  truncated: Truncated.optional(),
} satisfies { [Name in ContainerFieldName]: z.ZodType<FieldValue<Name>> });
export type Container = z.output<typeof Container>;

/** A container in a request body: all fields except `dockerId`, `name`, `image` and `state` are optional. */
export type ContainerInput = z.input<typeof Container>;
