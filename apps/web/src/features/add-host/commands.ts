/** A way to run the agent, and the lines that do. */
export interface Way {
  id: string;
  title: string;
  needs: string;
  command: string;
}

/** How the agent is started with this token against the server at `url`. */
export function waysToEnrol(url: string, token: string): Way[] {
  return [
    {
      id: 'node',
      title: 'Node.js',
      needs: 'In a clone of Muster, with Node.js 20.19 or newer. It runs until you end it: good to try.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nnpx -y pnpm@12.21.0 agent`,
    },
    {
      id: 'docker',
      title: 'Docker',
      needs:
        'In a clone of Muster. A proxy holds the engine’s socket, and lets the agent read and nothing else. ' +
        'From within a container, this machine is not localhost: put an address that leads here.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nDOCKER_GID=$(stat -c %g /var/run/docker.sock) \\\ndocker compose -f apps/agent/packaging/compose.yaml up -d`,
    },
    {
      id: 'systemd',
      title: 'systemd',
      needs:
        'As a service, from the release that this server offers once whoever runs it has packaged one ' +
        '(docs/agent.md). It checks what it fetches, and can be run again.',
      command: `curl -fsSL ${url}/install.sh |\n  sudo sh -s -- --token ${token}`,
    },
  ];
}
