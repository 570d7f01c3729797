import { withState } from '../agent.js';
import { prepareUrlChange } from '../config/config-file.js';
import type { AgentEnv } from '../env.js';
import { ExitCodes, StopError } from '../exit.js';
import { createMusterClient, type Answer, type MusterClient } from '../muster/client.js';
import { isTokenRejected } from '../muster/refusals.js';
import type { Enrollment } from '../state/state-store.js';

/** The places, besides the state, in which the API's earlier address can be set. */
export interface PreviousUrl {
  /** The path of the configuration file; null if there is none. */
  configFile: string | null;
  /** The value of `MUSTER_URL` in the environment; null if it is unset. */
  environment: string | null;
}

/**
 * Changes the address of the API at which this machine is enrolled to `env.musterUrl`, in the state and in the
 * configuration file. The API at that address must confirm the stored token. Returns the text for the user. Throws
 * `StopError`, without having changed anything, if the API does not confirm the token or an agent is running.
 */
export const moveAgent = (
  env: AgentEnv,
  { configFile, environment }: PreviousUrl,
  signal: AbortSignal,
): Promise<string> =>
  withState(env, async (store, state) => {
    const { enrollment } = state;
    if (enrollment === null) {
      throw new StopError('this machine is not enrolled, so its address cannot be changed', ExitCodes.usage);
    }
    const { musterUrl } = env;
    if (musterUrl === null) throw new StopError('set the new address with --url', ExitCodes.usage);
    const change = await prepareUrlChange(configFile, musterUrl);
    try {
      if (enrollment.musterUrl !== musterUrl) {
        await confirmToken(env, enrollment, musterUrl, signal);
        await store.save({ ...state, enrollment: { ...enrollment, musterUrl } });
      }
      await change.apply();
    } finally {
      await change.close();
    }
    return [
      enrollment.musterUrl === musterUrl
        ? `This machine is already enrolled at ${musterUrl}. To change the address, run this command with --url.`
        : `This machine now reports to ${musterUrl} instead of ${enrollment.musterUrl}, as host ${enrollment.hostId}.`,
      ...(environment === null || environment === '' || environment.replace(/\/+$/, '') === musterUrl
        ? []
        : [`In this environment, MUSTER_URL is still ${environment}: change it too.`]),
    ]
      .map((line) => `${line}\n`)
      .join('');
  });

/** Throws `StopError` unless the API at `musterUrl` confirms that a stored token belongs to the stored host. */
async function confirmToken(
  env: AgentEnv,
  { agentToken, previousToken, hostId, musterUrl: previousUrl }: Enrollment,
  musterUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const client = createMusterClient({ musterUrl, proxy: env.proxy, trust: env.trust, wallNow: () => new Date() });
  try {
    const answer = await getTokenHolder(client, agentToken, previousToken, signal);
    if (isTokenRejected(answer)) {
      throw new StopError(
        `the API at ${musterUrl} does not know the token from ${previousUrl}, so it is another server: to enroll ` +
          'there, set MUSTER_ENROLL_TOKEN',
        ExitCodes.dismissed,
      );
    }
    if (answer.kind !== 'ok') {
      throw new StopError(`the API did not confirm the token: ${answer.reason}; nothing was changed`, ExitCodes.failed);
    }
    if (answer.data.hostId !== hostId) {
      throw new StopError(
        `at ${musterUrl}, the token from ${previousUrl} belongs to another host, so this is another server; ` +
          'nothing was changed',
        ExitCodes.failed,
      );
    }
  } finally {
    client.close();
  }
}

/** Requests the host of the current token, or the host of the previous token if the API rejects the current token. */
async function getTokenHolder(
  client: MusterClient,
  agentToken: string,
  previousToken: string | null,
  signal: AbortSignal,
): Promise<Answer<{ hostId: string }>> {
  const answer = await client.getTokenHolder(agentToken, signal);
  return isTokenRejected(answer) && previousToken !== null ? client.getTokenHolder(previousToken, signal) : answer;
}
