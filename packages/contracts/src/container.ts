import { z } from 'zod';
import { Instant } from './instant.js';
import { DOCKER_ID_LENGTH_MAX, PROBLEM_ERRORS_MAX } from './limits.js';
import { storable, text, toStorable } from './text.js';

const PORT_NUMBER_MAX = 65_535;
const PortNumber = z.int().min(1).max(PORT_NUMBER_MAX);

/**
 * A port of a container, and where the host publishes it. `ip` and `publicPort` are absent when it does not. `count`
 * consecutive ports, beginning with `privatePort` and `publicPort`, can be one entry; absent, it is 1.
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
    error: `must not count beyond port ${PORT_NUMBER_MAX}`,
    path: ['count'],
  });
export type Port = z.output<typeof Port>;

/** Whether `count` ports from both numbers on are port numbers. */
export const endsInRange = (privatePort: number, publicPort: number, count: number): boolean =>
  Math.max(privatePort, publicPort) + count - 1 <= PORT_NUMBER_MAX;

/**
 * A container's ports, any number of them: one published range is thousands. Built by hand because an array schema
 * collects the issues of every item: a body of 10 MiB has room for three million bad ports, which took it 70 s and
 * here take less than one.
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
      const parsed = Port.safeParse(item);
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
 * Whether a value is a port exactly as `Port` would give it back, without a count. Of a range that an older
 * agent lists one by one there are thousands, and the schema takes ten times as long to say so.
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

export const DockerIdPattern = new RegExp(`^[A-Za-z0-9_.-]{1,${DOCKER_ID_LENGTH_MAX}}$`);

/** An engine's name for one container: unique on its host, and only there. */
export const DockerId = z.string().regex(DockerIdPattern, {
  error: `must be 1 to ${DOCKER_ID_LENGTH_MAX} of the characters A-Z a-z 0-9 _ . -`,
});

/**
 * A container's state: Docker's `created`, `running`, `paused`, `restarting`, `removing`, `exited` and `dead`, or
 * whatever lower-case word a newer engine says; an unknown one is stored, not rejected.
 */
export const ContainerState = text(1).refine((value) => value === value.toLowerCase(), {
  error: 'must be lower-case',
});

/** The states that Docker's own documentation names. */
export const DOCKER_STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;

/**
 * Labels, any key to any text. Built by hand because a record schema drops the key `__proto__`, which is a label
 * like any other: the object below has no prototype for it to reach.
 */
export const Labels = z
  .custom<Record<string, string>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'must be an object of strings',
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

/** The fields that `fitContainer` shortens, in the order in which `truncated` names them. */
export const TRUNCATABLE_FIELDS = [
  'name',
  'image',
  'imageId',
  'command',
  'state',
  'status',
  'ports',
  'labels',
] as const;
export type TruncatableField = (typeof TRUNCATABLE_FIELDS)[number];

/**
 * The names of fields that were shortened. Built by hand for the reason that `Ports` is. Other names are dropped: they
 * are of fields that a newer agent sends and this version does not store.
 */
export const Truncated = z
  .custom<string[]>((value) => Array.isArray(value) && value.every((name) => typeof name === 'string'), {
    error: 'must be an array of field names',
  })
  .transform((names) => TRUNCATABLE_FIELDS.filter((field) => names.includes(field)));

/**
 * One container as its engine lists it: what an agent sends. The schema says what a container is, `fitContainer` how
 * long its fields may be; `parseContainer` applies both, and its result is what the database then holds. `truncated`
 * is absent where nothing was shortened.
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
});
export type Container = z.output<typeof Container>;

/** A container as it may be written on the wire, where all but four fields can be left out. */
export type ContainerInput = z.input<typeof Container>;
