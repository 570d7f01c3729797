import { toTerminalJson } from '@muster/contracts';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../env.js';

/**
 * Creates the log: JSON lines on stderr, since stdout belongs to what a person asked for. No token gets into it, even by
 * mistake, and nothing that a server or an engine said can be a command to the terminal that shows it.
 */
export function createLog(level: LogLevel): Logger {
  // Synchronous, so that the last line before an exit is not lost.
  const stderr = pino.destination({ fd: 2, sync: true });
  const secrets = ['agentToken', 'enrollToken', 'authorization', 'headers'];
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: [...secrets, ...secrets.map((key) => `*.${key}`)],
    },
    { write: (line: string) => void stderr.write(toTerminalJson(line)) },
  );
}
