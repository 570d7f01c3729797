/** A way to run the agent, with its command. */
export interface InstallMethod {
  id: string;
  title: string;
  needs: string;
  command: string;
}

/** Returns the ways to start an agent that enrolls with this token at the server at `url`. */
export function installMethods(url: string, token: string): InstallMethod[] {
  return [
    {
      id: 'node',
      title: 'Node.js',
      needs: 'From a checkout of the Muster repository, Node.js 20.19+. Runs until Ctrl+C; for a quick try.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nnpx -y pnpm@12.21.0 agent`,
    },
    {
      id: 'docker',
      title: 'Docker',
      needs:
        'From a checkout of the Muster repository. The agent reads the Docker socket through a read-only proxy. ' +
        '127.0.0.1 would be the container itself: use an address of this server that the host can reach.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nDOCKER_GID=$(stat -c %g /var/run/docker.sock) \\\ndocker compose -f apps/agent/packaging/compose.yaml up -d`,
    },
    {
      id: 'systemd',
      title: 'systemd',
      needs:
        'Installs a systemd service. Needs an agent release on this server (docs/agent.md). ' +
        'Downloads are verified; safe to re-run.',
      command: `curl -fsSL ${url}/install.sh |\n  sudo sh -s -- --token ${token}`,
    },
  ];
}
