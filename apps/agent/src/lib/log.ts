import { toTerminalJson } from '@muster/contracts';
import { pino, type Logger } from 'pino';
import type { LogLevel } from '../env.js';

/**
 * Creates the logger, which writes JSON lines to stderr. It does not use stdout, which carries a command's output.
 * Tokens are redacted, and control characters from a server or an engine are escaped, so that they cannot control the
 * terminal.
 */
export function createLog(level: LogLevel): Logger {
  // The destination is synchronous, so that the last line before an exit is not lost.
  const stderr = pino.destination({ fd: 2, sync: true });
  const secretKeys = ['agentToken', 'enrollToken', 'authorization', 'headers'];
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: [...secretKeys, ...secretKeys.map((key) => `*.${key}`)],
    },
    { write: (line: string) => void stderr.write(toTerminalJson(line)) },
  );
}
