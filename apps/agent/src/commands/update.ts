import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeForeignResponse, Paths } from '@muster/contracts';
import type { Variable } from '../config/settings.js';
import type { AgentEnv } from '../env.js';
import { ExitCodes, StopError, type ExitCode } from '../exit.js';
import { readText, send } from '../http/http-request.js';
import { describeProblemText } from '../muster/client.js';
import { connectionSettings, describeFailure, formatDiagnosis } from '../muster/connection-failure.js';
import { createMusterRoute } from '../muster/route.js';
import { createStateStore } from '../state/state-store.js';

/**
 * The service files that `install.sh` writes. The second path of each entry exists only while the service manager of
 * the file is running.
 */
const SERVICES = [
  ['/etc/systemd/system/muster-agent.service', '/run/systemd/system'],
  ['/etc/init.d/muster-agent', '/run/openrc/softlevel'],
] as const;

/** The timer that `install.sh --auto-update` installs. */
const UPDATE_TIMER = '/etc/systemd/system/muster-agent-update.timer';

/** Settings that curl and wget also read, under these names. */
const DOWNLOAD_VARIABLES: Partial<Record<Variable, string>> = {
  HTTPS_PROXY: 'https_proxy',
  HTTP_PROXY: 'http_proxy',
  NO_PROXY: 'no_proxy',
  MUSTER_CA_FILE: 'MUSTER_CA_FILE',
  SSL_CERT_FILE: 'SSL_CERT_FILE',
};

const TIMEOUT_MS = 30_000;
const SCRIPT_BYTES_MAX = 1024 * 1024;

/**
 * Settings from the sources that root controls: flags, the environment of root's process, and the configuration file.
 */
interface RootSettings {
  /** The path of the configuration file; null if there is none. */
  configFile: string | null;
  values: Readonly<Partial<Record<Variable, string>>>;
}

/**
 * Installs the release of the server at which this machine is enrolled, by running that server's `install.sh`. The
 * script verifies checksums, restarts the service, and restores the earlier release if the new release does not report
 * within a minute. The script uses these `values` for its downloads, and does not receive the enrollment token. The
 * server's address comes only from root's settings. The address in the state is not used, because the agent's user can
 * change the state but must not choose what root runs. Resolves with the exit code.
 * @throws StopError if nothing can be installed on this machine.
 */
export async function updateAgent(
  env: AgentEnv,
  { configFile, values }: RootSettings,
  { MUSTER_ENROLL_TOKEN: _token, ...environment }: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (!SERVICES.some((paths) => paths.every((path) => existsSync(path)))) {
    throw new StopError(
      'no service manager on this machine runs the agent. In a container: load the server’s image and replace the ' +
        'container, with the command on the page “Add a host” of Muster. By hand: stop the agent, run the server’s ' +
        'install.sh, and start the agent again',
      ExitCodes.failed,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new StopError('only root can replace the agent: run sudo muster-agent update', ExitCodes.failed);
  }
  const { enrollment } = await createStateStore(env.stateDir).load();
  if (enrollment === null) {
    throw new StopError('this machine is not enrolled, so no server offers a release for it', ExitCodes.failed);
  }
  if (configFile !== null) await checkOnlyRootCanChange(configFile);
  const musterUrl = checkAddress(env.musterUrl, enrollment.musterUrl, configFile ?? '/etc/muster-agent/config');
  const script = await fetchScript(env, new URL(musterUrl), signal);
  for (const [variable, name] of Object.entries(DOWNLOAD_VARIABLES)) {
    const value = values[variable as Variable];
    if (value !== undefined) environment[name] = value;
  }
  const exitCode = await runScript(script, ['--url', musterUrl], environment, signal);
  signal.throwIfAborted();
  return exitCode === 0 ? ExitCodes.ok : ExitCodes.failed;
}

/** @throws StopError if a user other than root can change the file at `path`, or replace it. */
async function checkOnlyRootCanChange(path: string): Promise<void> {
  for (const each of [dirname(path), path]) {
    const { uid, gid, mode } = await stat(each);
    if (uid === 0 && (mode & 0o002) === 0 && (gid === 0 || (mode & 0o020) === 0)) continue;
    throw new StopError(
      `users other than root can change ${each}, so they could choose what root installs: run chown root ${each} and ` +
        `chmod go-w ${each}, check MUSTER_URL in ${path}, and try again`,
      ExitCodes.failed,
    );
  }
}

/**
 * Returns the configured address.
 * @throws StopError if the address is unset, is not the enrolled address, or has no TLS although updates are automatic.
 */
function checkAddress(configured: string | null, enrolled: string, configFile: string): string {
  if (configured === null) {
    throw new StopError(
      `${configFile} does not contain the address of the server. This machine is enrolled at ${enrolled}. If that is ` +
        `your server, add the line MUSTER_URL=${enrolled}, and try again`,
      ExitCodes.usage,
    );
  }
  if (configured !== enrolled) {
    throw new StopError(
      `MUSTER_URL is ${configured}, but this machine is enrolled at ${enrolled}: nothing was changed. If ${enrolled} is ` +
        `your server, set MUSTER_URL to it in ${configFile}; otherwise enroll this machine again`,
      ExitCodes.usage,
    );
  }
  if (existsSync(UPDATE_TIMER) && !configured.startsWith('https:')) {
    throw new StopError(
      `the agent cannot be updated automatically from ${configured}, because it has no TLS: use an https address, or ` +
        `turn off automatic updates: systemctl disable --now muster-agent-update.timer && rm ${UPDATE_TIMER}`,
      ExitCodes.failed,
    );
  }
  return configured;
}

/** @throws StopError if the server does not answer, or has no release. */
async function fetchScript(env: AgentEnv, url: URL, signal: AbortSignal): Promise<string> {
  const settings = connectionSettings(url, env.proxy);
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const route = createMusterRoute(url, env.proxy, env.trust);
  const path = url.pathname.replace(/\/$/, '') + Paths.installScript;
  let problem: string;
  try {
    const response = await send(route, { method: 'GET', path, signal: AbortSignal.any([signal, timeout]) });
    const body = await readText(response, SCRIPT_BYTES_MAX);
    const status = response.statusCode!;
    if (status === 200 && body.startsWith('#!/bin/sh\n')) return body;
    problem =
      status === 404
        ? 'the server has no agent release'
        : (describeProblemText(body) ??
          formatDiagnosis(
            describeForeignResponse(settings, { path, status, body, location: response.headers.location ?? null }),
          ));
  } catch (error) {
    signal.throwIfAborted();
    problem = formatDiagnosis(describeFailure(settings, error, timeout.aborted ? TIMEOUT_MS : null));
  } finally {
    route.close();
  }
  throw new StopError(`${url.href}: ${problem}; nothing was changed`, ExitCodes.failed);
}

/** Runs a shell script. Resolves with its exit code, or with null if a signal ended it. */
function runScript(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-s', '--', ...args], { env, stdio: ['pipe', 'inherit', 'inherit'] });
    // The script restores the earlier release before it ends.
    const stop = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    child.once('error', (error) => reject(new StopError(`sh cannot be run: ${error.message}`, ExitCodes.failed)));
    child.once('close', (exitCode) => {
      signal.removeEventListener('abort', stop);
      resolve(exitCode);
    });
    // A script that ends early does not read all of its text, which is not an error.
    child.stdin.on('error', () => undefined);
    child.stdin.end(script);
  });
}
