import { destination, type DestinationStream } from 'pino';

/** Maximum bytes of log lines that are kept while the log cannot be written. Further lines are dropped. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

/**
 * Opens a file descriptor for the log. If the log cannot be written, for example because the disk is full, the process
 * continues. The lines are written as soon as writing is possible again.
 */
export function openLog(fd: number): DestinationStream {
  const log = destination({ fd, maxLength: UNWRITTEN_BYTES_MAX });
  let isWritable = true;
  log.on('error', () => (isWritable = false));
  log.on('write', () => (isWritable = true));
  // When the process exits, pino retries writing the remaining lines until it succeeds. If the log cannot be written,
  // pino is stopped, because the process might never end.
  process.prependListener('exit', () => {
    if (!isWritable) log.destroy();
  });
  return log;
}
