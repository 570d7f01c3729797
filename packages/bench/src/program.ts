import { fileURLToPath } from 'node:url';
import { mainOf, startApi, type Api } from '@muster/testkit';

const SERVERS = {
  muster: mainOf('api'),
  bare: fileURLToPath(new URL('servers/bare-express.js', import.meta.url)),
  rows: fileURLToPath(new URL('servers/row-loop-express.js', import.meta.url)),
} as const;

/** The servers that can be measured, as they are built. */
export type ServerId = keyof typeof SERVERS;

/** The interval in ms at which a server is polled until it is ready: its start time is a figure. */
const POLL_MS = 5;

/** Starts a server without rate limits, in production's settings. @throws ProgramError if it does not become ready. */
export const startServer = (id: ServerId, env: Readonly<Record<string, string>>, adminKey?: string): Promise<Api> =>
  startApi({
    main: SERVERS[id],
    env: { LOG_LEVEL: 'info', MUSTER_AGENT_REQUESTS_PER_MINUTE: '0', ...env },
    isMeasured: true,
    detached: true,
    pollMs: POLL_MS,
    ...(adminKey === undefined ? {} : { adminKey }),
  });
