/** A way to run the agent, with its command. */
export interface InstallMethod {
  id: 'service' | 'docker' | 'podman' | 'node';
  title: string;
  /** The requirements of the command, and what it does. */
  description: string;
  command: string;
}

/** The server's address for agents. */
export interface ServerAddress {
  url: string;
  /** Whether the address is configured (MUSTER_PUBLIC_URL). Otherwise, it is the address that the browser uses. */
  isConfigured: boolean;
}

/** Facts that the agent reports about its host, in addition to the facts that it detects. Empty texts are left out. */
export interface HostSettings {
  name: string;
  /** Labels, separated by commas. */
  labels: string;
}

const NO_SETTINGS: HostSettings = { name: '', labels: '' };

/** The agent release that the server offers. */
interface Release {
  version: string;
  /** The architectures for which the release has an image. */
  images: readonly string[];
}

/**
 * Returns the ways to start an agent that enrolls with this token. Each command is one line. If the server offers no
 * release, the only way is to run the agent from a checkout of the repository.
 */
export function installMethods(
  server: ServerAddress,
  token: string,
  release: Release | null,
  { name, labels }: HostSettings = NO_SETTINGS,
): InstallMethod[] {
  const { url, isConfigured } = server;
  const variables = [
    ...[`MUSTER_URL=${url}`, `MUSTER_ENROLL_TOKEN=${token}`],
    ...(name === '' ? [] : [`MUSTER_HOST_NAME=${quote(name)}`]),
    ...(labels === '' ? [] : [`MUSTER_HOST_LABELS=${quote(labels)}`]),
  ];
  const settings = variables.map((variable) => `-e ${variable}`).join(' ');
  const node: InstallMethod = {
    id: 'node',
    title: 'Node.js',
    description:
      'Needs a checkout of the Muster repository and Node.js 20.19 or later. ' +
      'The agent runs until you press Ctrl+C, so use this method only to try Muster.',
    command: `${variables.join(' ')} npx -y pnpm@12.21.0 agent`,
  };
  if (release === null) return [node];
  const service: InstallMethod = {
    id: 'service',
    title: 'Linux service',
    description:
      'Needs curl, and systemd or OpenRC. Installs the agent as a service that runs as an unprivileged user. ' +
      'Downloads are verified, and the command can safely be repeated. As root, leave out sudo.',
    // The download is a separate step. With `curl … | sh`, the command would succeed even if curl fails, and an
    // interrupted download would run half a script.
    command:
      `script=$(curl -fsSL ${url}/install.sh) && printf '%s\\n' "$script" | ` +
      `sudo sh -s -- ${isConfigured ? '' : `--url ${url} `}--token ${token}` +
      `${name === '' ? '' : ` --name ${quote(name)}`}${labels === '' ? '' : ` --labels ${quote(labels)}`}`,
  };
  if (release.images.length === 0) return [service, node];
  const architectures = release.images.length === 1 ? ` The server has the image for ${release.images[0]!} only.` : '';
  const rights =
    ' The agent can use everything that the engine’s socket offers, although it only reads. docs/agent.md describes a ' +
    'setup with a proxy in front of the socket.';
  const docker: InstallMethod = {
    id: 'docker',
    title: 'Docker',
    description:
      'Needs curl and Docker, as root or as a user in the group docker. Loads the agent’s image from this server and ' +
      'runs it. The agent starts again after a reboot. Repeat the command to update the agent, which keeps its ' +
      'enrollment.' +
      architectures +
      rights,
    command: [
      `${download(url)} | docker load`,
      replaceContainer('docker', `${runOptions('/var/run/docker.sock', 'stat')} ${settings} ${image(release)}`),
    ].join(' && '),
  };
  const podman: InstallMethod = {
    id: 'podman',
    title: 'Podman',
    description:
      'Needs curl, Podman 4 or later and systemd. Turns on Podman’s socket, loads the agent’s image from this server and ' +
      'runs it. The agent starts again after a reboot. Repeat the command to update the agent, which keeps its ' +
      'enrollment.' +
      architectures +
      rights,
    command: [
      'sudo systemctl enable --now podman.socket podman-restart.service',
      `${download(url)} | sudo podman load`,
      replaceContainer(
        'sudo podman',
        `${runOptions('/run/podman/podman.sock', 'sudo stat')} ${settings} ${image(release)}`,
      ),
    ].join(' && '),
  };
  return [service, docker, podman, node];
}

const download = (url: string): string =>
  `curl -fsSL ${url}/agent-release/muster-agent-image-linux-$(uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/').tar`;

/**
 * Returns commands that replace an earlier container of the agent with a new one. The agent's state stays in a volume.
 */
const replaceContainer = (engine: string, options: string): string =>
  `{ ${engine} rm --force muster-agent >/dev/null 2>&1; ${engine} run ${options}; }`;

/**
 * Returns the options of `docker run`. The image is never pulled, because a registry may have another image of this
 * name. The agent uses the host's network, so that it can use the same server address as in the other commands. SELinux
 * labels are disabled, because they would forbid access to the socket.
 */
const runOptions = (socket: string, stat: string): string =>
  '--detach --name muster-agent --pull never --restart always --network host --read-only --cap-drop ALL ' +
  '--security-opt no-new-privileges --security-opt label=disable --memory 256m --pids-limit 64 ' +
  `--group-add "$(${stat} -c %g ${socket})" -v ${socket}:${socket}:ro -v muster-agent:/var/lib/muster-agent`;

/** Returns a text as one word of a shell command. */
const quote = (text: string): string =>
  /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

const image = ({ version }: Release): string => `muster-agent:${version}`;

/** Returns whether an address reaches the server only from the server's own machine. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
