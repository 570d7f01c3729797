import { z } from 'zod';
import { PLAIN_MESSAGES } from './field-errors.js';
import { PROBLEM_ERRORS_MAX } from './limits.js';
import { text } from './text.js';

const PORT_NUMBER_MAX = 65_535;
const PortNumber = z.int().min(1).max(PORT_NUMBER_MAX);

/**
 * A port of a container and, if it is published, its address and port on the host (`ip` and `publicPort`). An entry
 * represents `count` consecutive ports (default 1) that begin with `privatePort` and `publicPort`.
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

/** Whether the numbers of the last of `count` ports are valid, both inside the container and on the host. */
export const endsInRange = (privatePort: number, publicPort: number, count: number): boolean =>
  Math.max(privatePort, publicPort) + count - 1 <= PORT_NUMBER_MAX;

/**
 * A container's ports. Their number has no limit, because one published range can contain thousands of ports. Parsed by
 * hand, because `z.array` collects the issues of every item. For a 10 MiB body with three million invalid ports,
 * `z.array` took 70 s. This parser takes less than 1 s.
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
 * Whether `Port` would return a value unchanged. This check is ten times as fast as the schema. It matters because an
 * older agent lists every port of a range, so a container can have thousands of ports. Returns false for a value with a
 * count, because only the schema handles counts.
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
