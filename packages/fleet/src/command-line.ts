import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

export { Option, type Command };

export interface CommandIo {
  /** Writes to standard output. */
  readonly write: (text: string) => void;
  /** Writes a line to standard error. The line begins with the seconds since the start. */
  readonly progress: (line: string) => void;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
}

/** Creates the command line of a test program. The program adds its own options. */
export const createCommandLine = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      // The value of an unknown option can be a secret, so the message does not contain it.
      outputError(text, write) {
        const message = text
          .replace(/^error: /, '')
          .replace(/=.*'/s, "'")
          .replace(/\.?\s*$/, '');
        write(`${name}: ${message} (see --help)\n`);
      },
    })
    .exitOverride();

/**
 * Parses the arguments that follow a program's name.
 * @throws CommanderError after printing the help or a message that states what is wrong.
 */
export const parseArguments = (command: Command, args: readonly string[]): Command =>
  // For `pnpm bench -- --quick`, pnpm passes the `--` to the program.
  command.parse(args[0] === '--' ? args.slice(1) : args, { from: 'user' });

/**
 * Runs a program and returns its exit code: 2 if its command line is wrong. For an error in `knownErrors`, prints only
 * the message. Any other error is a defect, so its stack trace is also printed. A second signal ends the program
 * immediately.
 */
export async function runProgram<Options>(program: {
  name: string;
  /**
   * Whether the program measures other processes. Such a program runs only on Linux, because it reads files in /proc. A
   * signal ends the program immediately, together with all processes that it started.
   */
  isMeasurement?: boolean;
  /** Parses the arguments. @throws CommanderError */
  parse: (args: readonly string[]) => Options;
  /** Returns the exit code. */
  run: (options: Options, io: CommandIo) => Promise<number>;
  knownErrors: readonly (abstract new (...args: never[]) => Error)[];
}): Promise<number> {
  const stop = new AbortController();
  const startedAt = performance.now();
  try {
    const options = program.parse(process.argv.slice(2));
    if (program.isMeasurement && process.platform !== 'linux') {
      process.stderr.write(`${program.name}: needs Linux, because it reads CPU times and memory figures from /proc\n`);
      return 2;
    }
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => (program.isMeasurement || stop.signal.aborted ? process.exit(130) : stop.abort()));
    }
    return await program.run(options, {
      write: (text) => void process.stdout.write(text),
      progress: (line) => {
        const seconds = Math.round((performance.now() - startedAt) / 1_000);
        process.stderr.write(`${String(seconds).padStart(5)} s  ${line}\n`);
      },
      signal: stop.signal,
    });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode && 2;
    if (!(error instanceof Error && program.knownErrors.some((known) => error instanceof known))) throw error;
    process.stderr.write(`${program.name}: ${error.message}\n`);
    return 1;
  }
}

const numberParser = (kind: string, pattern: RegExp) => (min: number, max: number) => (text: string) => {
  if (pattern.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new InvalidArgumentError(`It must be a ${kind} from ${min} to ${max}.`);
};

/** Parses a decimal number from `min` to `max`. */
export const decimal = numberParser('number', /^\d+(\.\d+)?$/);

/** Parses a whole number from `min` to `max`. */
export const wholeNumber = numberParser('whole number', /^\d+$/);

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 7 * 24 * 3_600_000;

/** Parses a duration of at least `minMs` and at most a week, such as `500ms`, `1.5s`, `5m` or `2h`, to milliseconds. */
export const duration = (minMs: number) => (text: string) => {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = count === undefined ? Number.NaN : Math.round(Number(count) * UNIT_MS[unit!]!);
  if (ms >= minMs && ms <= DURATION_MS_MAX) return ms;
  throw new InvalidArgumentError('It must be a time such as 500ms, 60s or 5m, at most a week.');
};

/** Parses a comma-separated list of `words`. Returns each word once, in the order of `words`. */
const listOf = (words: readonly string[]) => (text: string) => {
  const listed = text.split(',');
  const unknown = listed.find((word) => !words.includes(word));
  if (unknown === undefined) return words.filter((word) => listed.includes(word));
  throw new InvalidArgumentError(`"${unknown}" is not one of ${words.join(', ')}.`);
};

/**
 * Parses a path. If a flag lacks its value, Commander uses the next flag as the value, so a path must not begin with
 * `-`.
 */
const path = (text: string): string => {
  if (text !== '' && !text.startsWith('-')) return text;
  throw new InvalidArgumentError('It must be a path.');
};

/** The options of a program that writes a document. If `out` is not set, no document is written. */
export interface ReportOptions<Part extends string> {
  only: readonly Part[];
  quick: boolean;
  out?: string;
}

/**
 * Returns the name and the parser of a program that runs some or all of several parts, and writes their results into a
 * document. Adds the options to its command line. `outDefault` is relative to the root of the repository, in which pnpm
 * runs the program.
 */
export function createReportProgram<Options extends ReportOptions<string>>(
  command: Command,
  parts: Options['only'],
  outDefault: string,
) {
  const only = new Option('--only <names>', `what to run, separated by commas: ${parts.join(', ')}`);
  command
    .addOption(only.argParser(listOf(parts)).default(parts, 'all'))
    .option('--quick', 'a short run, which writes nothing unless --out is given', false)
    .option('--out <path>', `where to write the results (default: ${outDefault}); other results stay unchanged`, path);
  return {
    name: command.name(),
    isMeasurement: true,
    parse(args: readonly string[]): Options {
      const options = parseArguments(command, args).opts<Options>();
      return options.quick ? options : { out: outDefault, ...options };
    },
  };
}
