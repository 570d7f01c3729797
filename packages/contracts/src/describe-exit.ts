import type { ContainerExit, ExitReason } from './container-exit.js';
import { ERROR_REASONS, isErrorCode } from './exit-code.js';
import type { LoopExits } from './loop-exits.js';

/** What is known about the exit of a container's process. */
export interface KnownExit {
  /** Null if the agent did not report a reason. */
  reason: ExitReason | null;
  code: number | null;
  /** The engine's message about a container that it could not start. */
  error?: string;
  /** The name of the engine, such as `Podman`. It is used to explain why a cause is unknown. */
  engineName?: string;
}

/** Returns what a container's fields show about the exit of its process. */
export const knownExit = ({
  exit,
  exitCode,
  engineName,
}: {
  exit: ContainerExit | null;
  exitCode: number | null;
  engineName?: string;
}): KnownExit => ({
  reason: exit?.reason ?? null,
  code: exitCode,
  ...(exit ? { error: exit.error } : {}),
  ...(engineName === undefined ? {} : { engineName }),
});

/** Returns whether an exit is an error, by its reason or, if no reason was reported, by its code. */
export const isErrorExit = ({ reason, code }: Pick<KnownExit, 'reason' | 'code'>): boolean =>
  reason ? ERROR_REASONS.includes(reason) : isErrorCode(code);

/**
 * Describes in a few words how a container's process exited, such as `stopped`, `crashed (1)` or `could not start: port
 * 8080 is already in use`. If no reason was reported, an exit code that means an error is described as a crash.
 */
export function describeExit({ reason, code, error = '', engineName }: KnownExit): string {
  const suffix = code === null ? '' : ` (${code})`;
  switch (reason) {
    case 'completed':
      return 'completed';
    case 'stopped':
      return 'stopped';
    case 'oom':
      return 'out of memory';
    case 'crashed':
      return `crashed${suffix}`;
    case 'failed_to_start':
      return error === '' ? 'could not start' : `could not start: ${shortenEngineError(error)}`;
    case 'unknown':
      // Podman often does not report that a stop was requested.
      return `exited${suffix}, ${engineName === 'Podman' ? 'cause not reported by Podman' : 'cause unknown'}`;
    default:
      return isErrorCode(code) ? `crashed${suffix}` : `exited${suffix}`;
  }
}

/**
 * Patterns of the engines' messages about a container that could not be started, each with the sentence that states the
 * cause. The messages are from Docker 20.10 to 29.7 and Podman 4.3 to 5.4.
 */
const SENTENCES: readonly (readonly [pattern: RegExp, sentence: (...groups: string[]) => string])[] = [
  [
    /(?:bind for|host port(?: for)?|listen (?:tcp|udp|sctp)[46]?) (?:\[[^\]]*\]|[^\s:]*):(\d+)\b.*already (?:in use|allocated)/is,
    (port) => `port ${port} is already in use`,
  ],
  [
    /exec:? "([^"]+)".*(?:no such file or directory|executable file not found)/is,
    (command) => `command not found: ${command}`,
  ],
  [/exec:? "([^"]+)".*permission denied/is, (command) => `no permission to run ${command}`],
  [/exec:? "?([^":]+)"?: exec format error/i, (command) => `${command} is not a program for this machine`],
  [/bind source path does not exist: (\S+)/i, (path) => `mount source ${path} does not exist`],
];

/** Matches the beginnings of messages that state only which part of the engine failed. */
const PREFIX =
  /^(?:(?:failed to (?:create task for container|create shim task|set up container networking)|OCI runtime create failed|(?:runc|crun)(?: create failed)?|unable to start container process|error during container init|driver failed programming external connectivity on endpoint \S+ \([0-9a-f]+\)): )+/i;

/**
 * Extracts the sentence that states the cause from an engine's message about a container that could not be started. If
 * the form of the message is unknown, removes its beginning and its end if they do not state the cause.
 */
export function shortenEngineError(message: string): string {
  for (const [pattern, toSentence] of SENTENCES) {
    const match = pattern.exec(message);
    if (match) return toSentence(...match.slice(1));
  }
  return message
    .replace(PREFIX, '')
    .replace(/: unknown$/, '')
    .trim();
}

/** Milliseconds of the units with which a period is described. */
const UNITS = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** Formats the length of a period with its largest unit, such as `1 h` or `45 min`. */
function periodText(ms: number): string {
  const rounded = Math.max(1_000, ms);
  // A period of almost an hour is shown as an hour, because the first exit within an hour is rarely exactly at its
  // beginning.
  const [unit, size] = UNITS.find(([, size]) => rounded >= size * 0.9) ?? UNITS[2];
  return `${Math.max(1, Math.round(rounded / size))} ${unit}`;
}

/** Describes the exits of a loop in a few words, such as `exited 57 times in 1 h, codes 1 and 137`. */
export function describeLoop({ count, first, last, codes }: LoopExits): string {
  const times = count === 1 ? 'once' : `${count} times in ${periodText(Date.parse(last) - Date.parse(first))}`;
  const known = [...new Set(codes.flatMap(({ code }) => (code === null ? [] : [String(code)])))];
  if (known.length === 0) return `exited ${times}`;
  if (known.length === 1) return `exited ${times}, code ${known[0]!}`;
  const shown = known.length > 4 ? [...known.slice(0, 3), `${known.length - 3} others`] : known;
  return `exited ${times}, codes ${shown.slice(0, -1).join(', ')} and ${shown.at(-1)!}`;
}
