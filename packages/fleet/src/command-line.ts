import { Command, CommanderError, Option, type OptionValues } from 'commander';

/** One of the harness's programs. */
export interface CommandSpec<Values extends OptionValues, Options> {
  /** For example `muster-bench`. It precedes every message on standard error. */
  readonly name: string;
  readonly description: string;
  readonly options: readonly Option[];
  /** Converts the parsed values. @throws UsageError if they do not fit together. */
  toOptions(values: Values): Options;
  /** Returns the exit code. */
  run(options: Options, io: CommandIo): Promise<number>;
  /** Errors of which only the message is printed. Any other error is a defect and keeps its stack trace. */
  readonly knownErrors: readonly (abstract new (...args: never[]) => Error)[];
  /** The exit code after a second signal, which ends the program immediately. */
  readonly secondSignalCode: number;
}

export interface CommandIo {
  /** Writes to standard output. */
  readonly write: (text: string) => void;
  /** Writes a line to standard error, after the seconds since the start. */
  readonly progress: (line: string) => void;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
}

/** What a command line requests. */
export type CommandRequest<Options> =
  { kind: 'run'; options: Options } | { kind: 'help'; text: string } | { kind: 'error'; message: string };

/** A mistake in the command line. The message names the option, and never quotes a secret. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Reads the text of an option's value. @throws UsageError that names the flag. */
export type ValueParser<T> = (text: string, flag: string) => T;

/**
 * Creates an option with a value. `fallback` is the text of the default value. Commander's own error for an invalid
 * value would quote it, even if it is a secret.
 */
export function valueOption(
  flags: string,
  description: string,
  parse: ValueParser<unknown> = (text) => text,
  fallback?: string,
): Option {
  const option = new Option(flags, description);
  const flag = option.long!;
  if (fallback !== undefined) option.default(parse(fallback, flag), fallback);
  return option.argParser((text: string) => {
    // Commander takes the next flag as the value of a flag that lacks one.
    if (/^--?[a-z]/.test(text)) throw new UsageError(`${flag} needs a value`);
    return parse(text, flag);
  });
}

/** Creates an option without a value: its value is true if it is given, and false otherwise. */
export const switchOption = (flags: string, description: string): Option =>
  new Option(flags, description).default(false);

/** Parses the arguments that follow the program's name. An option with an environment variable can also come from it. */
export function parseCommand<Values extends OptionValues, Options>(
  spec: Pick<CommandSpec<Values, Options>, 'name' | 'description' | 'options' | 'toOptions'>,
  args: readonly string[],
): CommandRequest<Options> {
  let help = '';
  const command = new Command(spec.name)
    .description(spec.description)
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ writeOut: (text) => (help += text), writeErr: () => undefined })
    // Commander's own errors for these would quote a value.
    .allowUnknownOption()
    .allowExcessArguments()
    .exitOverride();
  for (const option of spec.options) command.addOption(option);
  try {
    // `pnpm bench -- --quick` passes the separator on.
    command.parse(args[0] === '--' ? args.slice(1) : args, { from: 'user' });
    const [unknown] = command.args;
    if (unknown?.startsWith('-')) throw new UsageError(`Unknown option '${unknown.split('=')[0]}'`);
    if (unknown !== undefined) throw new UsageError(`Unexpected argument '${unknown}'`);
    return { kind: 'run', options: spec.toOptions(command.opts<Values>()) };
  } catch (error) {
    if (help !== '') return { kind: 'help', text: help };
    if (!(error instanceof UsageError || error instanceof CommanderError)) throw error;
    return { kind: 'error', message: error.message.replace(/^error: /, '') };
  }
}

/** Runs a program and returns its exit code, which is 2 if its command line is wrong. */
export async function runCommand<Values extends OptionValues, Options>(
  spec: CommandSpec<Values, Options>,
  args: readonly string[] = process.argv.slice(2),
): Promise<number> {
  const request = parseCommand(spec, args);
  if (request.kind === 'help') {
    process.stdout.write(request.text);
    return 0;
  }
  if (request.kind === 'error') {
    process.stderr.write(`${spec.name}: ${request.message} (see --help)\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(spec.secondSignalCode);
      stop.abort();
    });
  }
  const startedAt = performance.now();
  try {
    return await spec.run(request.options, {
      write: (text) => void process.stdout.write(text),
      progress: (line) => {
        const seconds = Math.round((performance.now() - startedAt) / 1_000);
        process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
      },
      signal: stop.signal,
    });
  } catch (error) {
    if (!(error instanceof Error && spec.knownErrors.some((known) => error instanceof known))) throw error;
    process.stderr.write(`${spec.name}: ${error.message}\n`);
    return 1;
  }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 40));

const numberParser =
  (kind: string, pattern: RegExp) =>
  (min: number, max: number): ValueParser<number> =>
  (text, flag) => {
    if (pattern.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new UsageError(`${flag} must be a ${kind} from ${min} to ${max}, not ${quoted(text)}`);
  };

/** Parses a decimal number from `min` to `max`. */
export const decimal = numberParser('number', /^\d+(\.\d+)?$/);

/** Parses a whole number from `min` to `max`. */
export const wholeNumber = numberParser('whole number', /^\d+$/);

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 7 * 24 * 3_600_000;

/** Parses a duration of at least `minMs` and at most a week, such as `500ms`, `1.5s`, `5m` or `2h`, to milliseconds. */
export const duration =
  (minMs: number): ValueParser<number> =>
  (text, flag) => {
    const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
    const ms = count === undefined ? Number.NaN : Math.round(Number(count) * UNIT_MS[unit!]!);
    if (ms >= minMs && ms <= DURATION_MS_MAX) return ms;
    throw new UsageError(`${flag} must be a time such as 500ms, 60s or 5m, at most a week, not ${quoted(text)}`);
  };

/** Parses a comma-separated list of `words`. Returns each once, in the order of `words`. `what` names one of them. */
export const listOf =
  <Word extends string>(what: string, words: readonly Word[]): ValueParser<Word[]> =>
  (text, flag) => {
    const listed = text.split(',');
    const unknown = listed.find((word) => !(words as readonly string[]).includes(word));
    if (unknown === undefined) return words.filter((word) => listed.includes(word));
    throw new UsageError(`${flag}: unknown ${what} ${unknown}; allowed: ${words.join(', ')}`);
  };
