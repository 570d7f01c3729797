import { setTimeout as sleep } from 'node:timers/promises';
import {
  EnrollmentTokenCreated,
  HostPage,
  PAGE_LIMIT_MAX,
  Paths,
  type ContainerView,
  type Host,
  type Page,
} from '@muster/contracts';
import { z } from 'zod';
import type { Metrics } from './simulation/metrics.js';
import type { Client, Request } from './protocol/client.js';
import { retryDelayMs } from './simulation/pace.js';

/** The API cannot be used: the message is for the person who runs the simulation. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** The simulator's own calls, with an admin's key. Each throws an `ApiError` where it fails for good. */
export interface Operator {
  createEnrollmentToken(name: string, maxUses: number, expiresInSeconds: number): Promise<EnrollmentTokenCreated>;
  revokeEnrollmentToken(id: string): Promise<void>;
  hosts(): Promise<Host[]>;
  /** All pages of these hosts' containers; at most `HOSTS_PER_QUERY` hosts. */
  containers(hostIds: readonly string[], presence: 'present' | 'removed'): Promise<ContainerView[]>;
  deleteHost(hostId: string): Promise<void>;
}

/** As many values as the API takes of one filter. */
export const HOSTS_PER_QUERY = 50;

/** Tries of one call before it counts as failed. */
const TRIES_MAX = 6;

/**
 * A page of containers. Its items are not parsed: each is compared, whole, with what was sent, and one that is not as
 * the contract has it differs.
 */
const ContainerPage = z.object({ items: z.array(z.custom<ContainerView>()), nextCursor: z.string().nullable() });

/** The calls, by way of a client. */
export function createOperator({ client, key, metrics }: { client: Client; key: string; metrics: Metrics }): Operator {
  async function call<S extends z.ZodType>(schema: S, request: Omit<Request, 'token'>): Promise<z.output<S>> {
    const what = `${request.method} ${request.path.split('?')[0]}`;
    for (let tries = 1; ; tries++) {
      const reply = await client.send({ ...request, token: key });
      if (reply.kind === 'ok') {
        const parsed = schema.safeParse(reply.body);
        if (parsed.success) return parsed.data;
        throw new ApiError(`${what} answered ${reply.status}, but not as Muster does`);
      }
      if (reply.kind === 'refused' || tries === TRIES_MAX) throw new ApiError(`${what}: ${reply.reason}`);
      metrics.retries += 1;
      await sleep(retryDelayMs(tries, reply.retryAfterMs, Math.random()));
    }
  }

  async function all<T>(schema: z.ZodType<Page<T>>, path: string, filters = ''): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const answer: Page<T> = await call(schema, {
        ...{ call: 'read', method: 'GET', path: `${path}?limit=${PAGE_LIMIT_MAX}${filters}${next}` },
      });
      items.push(...answer.items);
      cursor = answer.nextCursor;
    } while (cursor !== null);
    return items;
  }

  const remove = async (path: string): Promise<void> => {
    await call(z.unknown(), { call: 'admin', method: 'DELETE', path });
  };

  return {
    createEnrollmentToken: (name, maxUses, expiresInSeconds) =>
      call(EnrollmentTokenCreated, {
        ...{ call: 'admin', method: 'POST', path: Paths.enrollmentTokens },
        body: JSON.stringify({ name, maxUses, expiresInSeconds }),
      }),
    revokeEnrollmentToken: (id) => remove(Paths.enrollmentToken.replace(':enrollmentTokenId', id)),
    hosts: () => all(HostPage, Paths.hosts),
    containers: (hostIds, presence) =>
      all(ContainerPage, Paths.containers, `&presence=${presence}${hostIds.map((id) => `&hostId=${id}`).join('')}`),
    deleteHost: (hostId) => remove(Paths.host.replace(':hostId', hostId)),
  };
}
