import { toTerminalText } from '@muster/contracts';
import { createClient, NetworkError, ProblemError, UnexpectedAnswerError, type Client } from '@muster/client';
import { knownConnection } from './connection.js';
import { CommandError, ExitCodes, type ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

/**
 * Runs what calls the API as `login` or the environment say. What the API refuses becomes a line for whoever runs it, and
 * what was broken off by them is no failure.
 */
export async function withApi(terminal: Terminal, action: (client: Client) => Promise<void>): Promise<void> {
  const client = createClient(await knownConnection(terminal));
  try {
    await action(client);
  } catch (error) {
    if (terminal.interrupted.aborted) return;
    throw commandError(error);
  }
}

/** What a failed call means to whoever runs a command; anything else as it is. */
export function commandError(error: unknown): unknown {
  if (error instanceof ProblemError) {
    const fields = (error.problem.errors ?? []).map(({ path, message }) => `; ${path.slice(1)} ${message}`);
    return new CommandError(toTerminalText(error.message + fields.join('')), exitCodeOf(error.status), {
      cause: error,
    });
  }
  if (error instanceof NetworkError || error instanceof UnexpectedAnswerError) {
    return new CommandError(error.message, ExitCodes.unreachable, { cause: error });
  }
  return error;
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return ExitCodes.refused;
  return status === 429 || status === 503 ? ExitCodes.unreachable : ExitCodes.failed;
}
