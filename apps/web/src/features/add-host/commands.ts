/** A way to run the agent, and the lines that do. */
export interface Way {
  id: string;
  title: string;
  needs: string;
  command: string;
}

/** How the agent is started with this token against this server; the token stands in none but these lines. */
export function waysToEnrol(url: string, token: string): Way[] {
  return [
    {
      id: 'node',
      title: 'Node.js',
      needs: 'Node.js 20.19 or newer, and a clone of Muster. It runs until you end it: good to try.',
      command: `MUSTER_URL=${url} \\\nMUSTER_ENROLL_TOKEN=${token} \\\nnpx -y pnpm@12.21.0 agent`,
    },
    {
      id: 'docker',
      title: 'Docker',
      needs: 'The agent as a container that reads the engine beside it. Build the image once, in a clone of Muster.',
      command: `docker build --target agent -t muster-agent .\ndocker run -d --name muster-agent --restart unless-stopped \\\n  -v /var/run/docker.sock:/var/run/docker.sock:ro \\\n  -v muster-agent:/var/lib/muster-agent \\\n  -e MUSTER_URL=${url} \\\n  -e MUSTER_ENROLL_TOKEN=${token} \\\n  muster-agent`,
    },
    {
      id: 'systemd',
      title: 'systemd',
      needs: 'The agent as a service that starts with the machine. As root, with Muster installed in /opt/muster.',
      command: `install -m 600 /dev/stdin /etc/muster-agent.env <<'END'\nMUSTER_URL=${url}\nMUSTER_ENROLL_TOKEN=${token}\nEND\nsystemctl enable --now muster-agent`,
    },
  ];
}
