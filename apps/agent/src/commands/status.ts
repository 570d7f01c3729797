import { toTerminalJson, toTerminalText } from '@muster/contracts';
import type { AgentEnv } from '../env.js';
import { ExitCodes, type ExitCode } from '../exit.js';
import { createStateStore } from '../state/state-store.js';
import { queryStatus, type AgentStatus } from '../status-socket.js';

/**
 * Returns the status of this machine as text or JSON. The exit code is 0 if an agent is running and reports without
 * problems.
 */
export async function status(env: AgentEnv, json: boolean): Promise<{ text: string; exitCode: ExitCode }> {
  const running = await queryStatus(env.stateDir);
  const { enrollment } = await createStateStore(env.stateDir).load();
  const isHealthy = running?.engineError === null && running.serverError === null && running.problems.length === 0;
  const exitCode = isHealthy && !running.isSuperseded ? ExitCodes.ok : ExitCodes.failed;
  if (json) {
    const enrolled = enrollment && { musterUrl: enrollment.musterUrl, hostId: enrollment.hostId };
    return { text: `${toTerminalJson(JSON.stringify({ running, enrollment: enrolled }, null, 2))}\n`, exitCode };
  }
  const enrolled =
    enrollment === null ? 'not enrolled' : `enrolled at ${enrollment.musterUrl} as host ${enrollment.hostId}`;
  const lines = running === null ? [`No agent is running with ${env.stateDir}.`] : describeRunning(running);
  return {
    text: [...lines, `This machine is ${enrolled}.`].map((line) => `${toTerminalText(line)}\n`).join(''),
    exitCode,
  };
}

function describeHost({ hostName, labels }: AgentStatus): string[] {
  if (hostName === null) return [];
  const described = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return [`Host: ${hostName}${described.length === 0 ? '' : `, labels: ${described.join(', ')}`}.`];
}

function describeRunning(running: AgentStatus): string[] {
  const { engine, engineAddress, acceptedAt, containers, engineError, serverError, journalEntries } = running;
  const { truncatedContainers } = running;
  const name = engine === null ? '' : ` (${engine.name} ${engine.version})`;
  return [
    `muster-agent ${running.version} has been running as process ${running.pid} since ${running.startedAt}.`,
    engineError === null
      ? `Engine: ${engineAddress}${name}${containers === null ? '' : `, containers: ${containers}`}.`
      : `Engine: ${engineError}.`,
    ...describeHost(running),
    serverError === null ? `Server: last answer: ${acceptedAt ?? 'none yet'}.` : `Server: ${serverError}.`,
    ...running.problems
      .filter(({ message }) => message !== engineError)
      .map(({ code, message }) => `Problem: ${code}: ${message}.`),
    ...(journalEntries > 0 ? [`Changes still to be sent: ${journalEntries}.`] : []),
    ...(truncatedContainers > 0
      ? [`Containers with fields that exceed a limit and are shortened: ${truncatedContainers}.`]
      : []),
    ...(running.isSuperseded
      ? [
          'Another machine reports with this host’s token; one of the two is usually a copy of the other (a cloned VM, ' +
            'for example). On the copy, stop the agent, run `muster-agent leave`, which keeps the token valid for the ' +
            'other machine, and enroll the copy with a new enrollment token.',
        ]
      : []),
  ];
}
