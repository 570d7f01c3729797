/** Returns the text that is shown when the demo is ready: the address, the credentials and some commands. */
export function readyText(demo: {
  url: string;
  key: string;
  /** The credentials for the dashboard. */
  account: { email: string; password: string };
  replayedHosts: number;
  hasLocalEngine: boolean;
  durationMs: number;
}): string {
  const { url, key, account, replayedHosts, hasLocalEngine, durationMs } = demo;
  const curl = (path: string): string => `  curl -sS '${url}${path}' -H 'Authorization: Bearer ${key}'`;
  return `
Muster's demo is running at ${url}
Open it, and sign in as ${account.email} with the password ${account.password}
${replayedHosts} replayed hosts${hasLocalEngine ? ', and this machine’s own engine' : ' (this machine has no running container engine)'}
Key: ${key}

Hosts, containers and the latest events as JSON:
${curl('/api/hosts')}
${curl('/api/containers?limit=20')}
${curl('/api/events?limit=20')}

The demo stops automatically ${toWords(durationMs)}, or when you press Ctrl-C. All its data is then removed.
`;
}

function toWords(durationMs: number): string {
  const minutes = Math.round(durationMs / 60_000);
  if (minutes < 2) return `in ${Math.round(durationMs / 1_000)} seconds`;
  return minutes < 120 ? `in ${minutes} minutes` : `in ${Math.round(minutes / 60)} hours`;
}
