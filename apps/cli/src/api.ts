import { toTerminalText } from '@muster/contracts';
import { createClient, NetworkError, ProblemError, UnexpectedResponseError, type Client } from '@muster/client';
import { loadConnection } from './connection.js';
import { CommandError, ExitCodes, type ExitCode } from './exit.js';
import type { Terminal } from './terminal.js';

/**
 * Runs an action with a client for the API that `login` or the environment configures. Converts errors of the API to a
 * CommandError. Resolves normally if the user interrupts the action.
 */
export async function withApi(terminal: Terminal, action: (client: Client) => Promise<void>): Promise<void> {
  const client = createClient(await loadConnection(terminal));
  try {
    await action(client);
  } catch (error) {
    if (terminal.interrupted.aborted) return;
    throw commandError(error);
  }
}

/** Converts an error of the API client to a CommandError. Returns any other error unchanged. */
export function commandError(error: unknown): unknown {
  if (error instanceof ProblemError) {
    const fields = (error.problem.errors ?? []).map(({ path, message }) => `; ${path.slice(1)} ${message}`);
    return new CommandError(toTerminalText(error.message + fields.join('')), exitCodeOf(error.status), {
      cause: error,
    });
  }
  if (error instanceof NetworkError || error instanceof UnexpectedResponseError) {
    return new CommandError(error.message, ExitCodes.unreachable, { cause: error });
  }
  return error;
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return ExitCodes.refused;
  return status === 429 || status === 503 ? ExitCodes.unreachable : ExitCodes.failed;
}
