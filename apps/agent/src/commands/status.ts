import { toTerminalJson, toTerminalText } from '@muster/contracts';
import type { AgentEnv } from '../env.js';
import { ExitCodes, type ExitCode } from '../exit.js';
import { createStateStore } from '../state/state-store.js';
import { askStatus, type AgentStatus } from '../status-socket.js';

/** How this machine stands, as text or JSON. The exit code is 0 where an agent runs and reports. */
export async function status(env: AgentEnv, json: boolean): Promise<{ text: string; exitCode: ExitCode }> {
  const running = await askStatus(env.stateDir);
  const { enrollment } = await createStateStore(env.stateDir).load();
  const isWell = running?.engineError === null && running.serverError === null && running.problems.length === 0;
  const exitCode = isWell && !running.isSuperseded ? ExitCodes.ok : ExitCodes.failed;
  if (json) {
    const enrolled = enrollment && { musterUrl: enrollment.musterUrl, hostId: enrollment.hostId };
    return { text: `${toTerminalJson(JSON.stringify({ running, enrollment: enrolled }, null, 2))}\n`, exitCode };
  }
  const enrolled =
    enrollment === null ? 'not enrolled' : `enrolled at ${enrollment.musterUrl} as host ${enrollment.hostId}`;
  const lines = running === null ? [`No agent runs with ${env.stateDir}.`] : describeRunning(running);
  return {
    text: [...lines, `This machine is ${enrolled}.`].map((line) => `${toTerminalText(line)}\n`).join(''),
    exitCode,
  };
}

function describeRunning(running: AgentStatus): string[] {
  const { engine, engineAddress, acceptedAt, containers, engineError, serverError, journalEntries } = running;
  const name = engine === null ? '' : ` (${engine.name} ${engine.version})`;
  return [
    `muster-agent ${running.version} runs as process ${running.pid} since ${running.startedAt}.`,
    engineError === null
      ? `Engine: ${engineAddress}${name}${containers === null ? '' : `, ${containers} containers`}.`
      : `Engine: ${engineError}.`,
    serverError === null ? `Server: heard it last at ${acceptedAt ?? 'no time yet'}.` : `Server: ${serverError}.`,
    ...running.problems
      .filter(({ message }) => message !== engineError)
      .map(({ code, message }) => `Problem: ${code}: ${message}.`),
    ...(journalEntries > 0 ? [`${journalEntries} changes wait to be told.`] : []),
    ...(running.isSuperseded
      ? ['Another agent reports as this host: is this machine a clone? Then `leave` here and enrol it anew.']
      : []),
  ];
}
