import { afterEach } from '@jest/globals';
import { createApp, type AppOptions } from '../src/app.js';
import type { AdmissionOptions } from '../src/http/admission-control.js';
import { withAdmission } from './with-admission.js';
import type { TestApi, TestOrganization } from './harness.js';
import { TestServer, type StreamClient } from './test-server.js';

/** Short intervals, so that tests do not wait. A stream does not lag if a busy machine stands still for seconds. */
export const SHORT_INTERVALS = { feedIntervalMs: 20, hostsIntervalMs: 20, recheckMs: 50, laggingMs: 20_000 };

/** Returns a function that starts a server on the context's database. All servers are closed after each test. */
export function useServers(context: { readonly api: TestApi }) {
  const servers: TestServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  return async (parts: Partial<AppOptions> = {}, admission: AdmissionOptions = {}) => {
    const { db, clock } = context.api;
    const server = await TestServer.start(
      withAdmission(createApp({ db, now: clock, stream: SHORT_INTERVALS, ...parts }), admission),
    );
    servers.push(server);
    return server;
  };
}

/** Returns the ids of the events that a client has received. */
export const eventIds = (client: StreamClient) => client.of('container').map(({ id }) => id);

/** Returns the ids of an organization's events, in the order of the feed. */
export async function historyOf({ api, id }: TestOrganization): Promise<string[]> {
  const events = await api.db.prisma.containerEvent.findMany({
    where: { organizationId: id },
    orderBy: [{ tx: 'asc' }, { id: 'asc' }],
  });
  return events.map((event) => `${event.tx}-${event.id}`);
}
