import { access, constants, statfs } from 'node:fs/promises';
import { makeDirectory } from '@muster/directory-lock';
import type { AgentEnv } from '../env.js';
import { createStateStore, unusableStateDir } from '../state/state-store.js';
import { queryStatus } from '../status-socket.js';
import { CheckError, type Check } from './doctor.js';
import { engineChecks } from './engine-checks.js';
import { serverChecks } from './server-checks.js';

const DISK_BYTES_MIN = 16 * 1024 * 1024;

/** Returns checks for everything that an agent with these settings depends on. */
export function createChecks(env: AgentEnv, wallNow: () => Date): Check[] {
  return [stateCheck(env), ...engineChecks(env), ...serverChecks(env, wallNow), createReportCheck(env)];
}

function stateCheck({ stateDir }: AgentEnv): Check {
  return {
    name: 'state',
    needs: [],
    async run() {
      try {
        await makeDirectory(stateDir, 0o700);
        await access(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
      } catch (error) {
        throw await unusableStateDir(stateDir, error);
      }
      await createStateStore(stateDir).load();
      const { bavail, bsize } = await statfs(stateDir);
      const isDiskAlmostFull = bavail * bsize < DISK_BYTES_MIN;
      return { found: stateDir, ...(isDiskAlmostFull ? { warning: 'the disk is almost full: free some space' } : {}) };
    },
    advice: `make this user the owner of ${stateDir} (chown), or set MUSTER_STATE_DIR to another directory`,
  };
}

/**
 * What to do about each problem that a running agent reports. Problems that other checks detect are not listed, because
 * those checks give the advice.
 */
const ADVICE_BY_PROBLEM: Readonly<Record<string, string>> = {
  engine_unreachable: 'see the check “engine” above; if it is ok, the agent’s user cannot open the engine’s socket',
  list_refused: 'see the check “permissions” above; if it is ok, the engine refuses the agent’s user',
  too_many_containers: 'remove containers that are no longer needed (docker container prune)',
  snapshot_refused: 'upgrade the agent or the API, whichever is older',
};

/** Reports the problems that the running agent has with its reports. No other check can detect them. */
function createReportCheck({ stateDir }: AgentEnv): Check {
  return {
    name: 'report',
    needs: ['state'],
    async run() {
      const running = await queryStatus(stateDir);
      if (running === null) return { found: 'no agent is running with this state directory' };
      const { pid, problems, engineError, serverError, isSuperseded, acceptedAt, truncatedContainers } = running;
      const [problem] = problems;
      if (problem !== undefined) {
        const messages = problems.map(({ code, message }) => `${code}: ${message}`).join('; ');
        throw new CheckError(
          `the agent (process ${pid}) reports ${messages}`,
          ADVICE_BY_PROBLEM[problem.code] ?? 'see “Problems of a host” in docs/agent.md',
        );
      }
      if (engineError !== null) {
        throw new CheckError(
          `the agent (process ${pid}) cannot read the engine: ${engineError}`,
          'see the check “engine” above',
        );
      }
      if (serverError !== null) {
        throw new CheckError(
          `the agent (process ${pid}) cannot report: ${serverError}`,
          'see the checks “server” and “token” above; if they are ok, restart the agent, or wait: it retries',
        );
      }
      if (isSuperseded) {
        throw new CheckError(
          `another agent uses the token of the running agent (process ${pid})`,
          'run muster-agent status, which says what to do on a copied machine',
        );
      }
      const shortened = truncatedContainers === 0 ? '' : `; containers with shortened fields: ${truncatedContainers}`;
      const lastAnswer = `last answer: ${acceptedAt ?? 'none yet'}`;
      return { found: `the agent (process ${pid}) reports without problems; ${lastAnswer}${shortened}` };
    },
    advice: 'run muster-agent status',
  };
}
