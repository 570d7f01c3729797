import {
  ContainerEvent,
  ContainerView,
  EnrollmentTokenCreated,
  Host,
  PAGE_LIMIT_MAX,
  Paths,
  page,
} from '@muster/contracts';
import type { z } from 'zod';
import type { Call, Client } from './http.js';

/** Muster rejected a call that an admin is allowed to make. */
class OperatorCallError extends Error {}

/** Calls with an admin's key. Each throws OperatorCallError unless the response is a success. */
export interface Operator {
  enrollmentToken(maxUses: number): Promise<EnrollmentTokenCreated>;
  revokeEnrollmentToken(id: string): Promise<void>;
  hosts(): Promise<Host[]>;
  /** Returns all containers that are not removed, from all pages. `query` begins with `&`. */
  containers(query?: string): Promise<ContainerView[]>;
  /** Returns events, newest first. Reads pages until `isEnough` returns true for the events so far. */
  events(query: string, isEnough?: (events: readonly ContainerEvent[]) => boolean): Promise<ContainerEvent[]>;
  deleteHost(hostId: string): Promise<void>;
}

export function createOperator(client: Client, key: string): Operator {
  async function call(request: Call): Promise<string> {
    const { status, text } = await client.send({ ...request, token: key });
    if (status >= 300) throw new OperatorCallError(`${request.path} answered ${status}: ${text.slice(0, 500)}`);
    return text;
  }

  async function readPages<S extends z.ZodType>(
    item: S,
    path: string,
    isEnough: (items: readonly z.output<S>[]) => boolean = () => false,
  ): Promise<z.output<S>[]> {
    const items: z.output<S>[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = page(item).parse(JSON.parse(await call({ path: `${path}${next}` })));
      items.push(...answer.items);
      cursor = answer.nextCursor;
    } while (cursor !== null && !isEnough(items));
    return items;
  }

  return {
    enrollmentToken: async (maxUses) => {
      const body = JSON.stringify({ name: 'faults', maxUses });
      return EnrollmentTokenCreated.parse(
        JSON.parse(await call({ method: 'POST', path: Paths.enrollmentTokens, body })),
      );
    },
    revokeEnrollmentToken: async (id) => {
      await call({ method: 'DELETE', path: Paths.enrollmentToken.replace(':enrollmentTokenId', id) });
    },
    hosts: () => readPages(Host, `${Paths.hosts}?limit=${PAGE_LIMIT_MAX}`),
    containers: (query = '') => readPages(ContainerView, `${Paths.containers}?limit=${PAGE_LIMIT_MAX}${query}`),
    events: (query, isEnough) => readPages(ContainerEvent, `${Paths.events}?limit=${PAGE_LIMIT_MAX}${query}`, isEnough),
    deleteHost: async (hostId) => {
      await call({ method: 'DELETE', path: Paths.host.replace(':hostId', hostId) });
    },
  };
}
