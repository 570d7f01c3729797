import { fileURLToPath } from 'node:url';
import { mainOf, startApi, type Api } from '@muster/testkit';

/** The servers that can be measured: Muster, and the routes of servers/express.ts. */
export type ServerId = 'muster' | 'bare' | 'rows';

/** Starts a server with production settings and no rate limits. @throws ProgramError if it does not become ready. */
export const startServer = (id: ServerId, env: Readonly<Record<string, string>>, adminKey?: string): Promise<Api> =>
  startApi({
    main: id === 'muster' ? mainOf('api') : fileURLToPath(new URL('servers/express.js', import.meta.url)),
    env: { BENCH_ROUTE: id, LOG_LEVEL: 'info', MUSTER_AGENT_REQUESTS_PER_MINUTE: '0', ...env },
    isMeasured: true,
    detached: true,
    ...(adminKey === undefined ? {} : { adminKey }),
  });
