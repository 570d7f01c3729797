import { pino, type Logger } from 'pino';
import type { LogLevel } from './env.js';

/** JSON lines on stderr: stdout belongs to what a person asked for. No token gets past it, even by a mistake. */
export function createLog(level: LogLevel): Logger {
  const secrets = ['agentToken', 'enrollToken', 'authorization', 'headers'];
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: [...secrets, ...secrets.map((key) => `*.${key}`)],
    },
    // Synchronous, so that the last line before an exit is not lost.
    pino.destination({ fd: 2, sync: true }),
  );
}
