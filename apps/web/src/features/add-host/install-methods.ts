/** A way to run the agent, with its command. */
export interface InstallMethod {
  id: string;
  title: string;
  /** What the command needs and does. */
  description: string;
  command: string;
}

/** Returns the ways to start an agent that enrolls with this token at the server at `url`. */
export function installMethods(url: string, token: string): InstallMethod[] {
  return [
    {
      id: 'node',
      title: 'Node.js',
      description:
        'Needs a checkout of the Muster repository and Node.js 20.19 or later. ' +
        'The agent runs until you press Ctrl+C, so use this method only to try Muster.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nnpx -y pnpm@12.21.0 agent`,
    },
    {
      id: 'docker',
      title: 'Docker',
      description:
        'Needs a checkout of the Muster repository. The agent reads the Docker socket through a read-only proxy. ' +
        'Inside the container, 127.0.0.1 is the container itself, so use an address of this server that the host can reach.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nDOCKER_GID=$(stat -c %g /var/run/docker.sock) \\\ndocker compose -f apps/agent/packaging/compose.yaml up -d`,
    },
    {
      id: 'systemd',
      title: 'systemd',
      description:
        'Installs a systemd service. Needs an agent release on this server (docs/agent.md). ' +
        'Downloads are verified, and the command can safely be repeated.',
      // The download is a separate step. `curl … | sh` would exit with status 0 if curl fails, and would run half a
      // script if the download is interrupted.
      command: `script=$(curl -fsSL ${url}/install.sh) &&\n  printf '%s\\n' "$script" |\n  sudo sh -s -- --token ${token}`,
    },
  ];
}
