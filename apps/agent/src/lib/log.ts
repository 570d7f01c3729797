import { isatty } from 'node:tty';
import { toTerminalJson, toTerminalText } from '@muster/contracts';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../env.js';

const STDERR = 2;

/** Maximum bytes of log lines that are kept while stderr cannot be written to. Further lines are dropped. */
const UNWRITTEN_BYTES_MAX = 65_536;

/**
 * Creates the logger, which writes to stderr: text on a terminal, and JSON lines anywhere else. It does not use stdout,
 * which is reserved for a command's output. Tokens are redacted, and control characters from a server or an engine are
 * escaped, so that they cannot control the terminal.
 */
export function createLog(level: LogLevel, isTerminal = isatty(STDERR)): Logger {
  // The destination is synchronous, so that the last line before an exit is not lost.
  const stderr = pino.destination({ fd: STDERR, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A full disk or a closed pipe behind stderr must not stop the agent, and there is nowhere else to report it.
  stderr.on('error', () => undefined);
  const format = isTerminal ? formatLogLine : toTerminalJson;
  const secretKeys = ['agentToken', 'enrollToken', 'authorization', 'headers'];
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: [...secretKeys, ...secretKeys.map((key) => `*.${key}`)],
    },
    { write: (line: string) => void stderr.write(format(line)) },
  );
}

/**
 * Formats a JSON log line as text, for example `22:45:03 WARN  the call to the API failed reason="…"`, in local time.
 */
export function formatLogLine(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as LogLine;
  const label = (pino.levels.labels[level] ?? String(level)).toUpperCase().padEnd(5);
  const values = Object.entries(fields).map(([key, value]) => `${key}=${formatValue(value)}`);
  const text = [new Date(time).toTimeString().slice(0, 8), label, msg ?? '', ...values].join(' ');
  const stack = err?.stack?.split('\n') ?? [];
  return [text, ...stack].map((each) => `${toTerminalText(each)}\n`).join('');
}

interface LogLine {
  level: number;
  time: string;
  msg?: string;
  err?: { stack?: string };
  [field: string]: unknown;
}

const formatValue = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
