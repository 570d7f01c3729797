/** Containers that exit again and again, for tests. */
import type { ContainerEvent, ContainerInput } from '@muster/contracts';
import { container } from './fixtures.js';
import type { TestApi, TestHost } from './harness.js';

export const MINUTE_MS = 60_000;

interface Exit {
  code: number;
  reason: string;
}
export const CRASHED: Exit = { code: 1, reason: 'crashed' };
export const OUT_OF_MEMORY: Exit = { code: 137, reason: 'oom' };

/** A container that an engine restarts, as an agent reports it. */
export class Loop {
  exits = 0;

  constructor(
    readonly dockerId: string,
    private readonly api: TestApi,
  ) {}

  private readonly facts = (changes: Partial<ContainerInput>) =>
    container(this.dockerId, { oomKilled: false, restartCount: 0, ports: [], ...changes });

  running = () =>
    this.facts({ state: 'running', status: 'Up 1 second', exit: null, startedAt: this.api.clock().toISOString() });

  exited({ code, reason }: Exit, changes: Partial<ContainerInput> = {}) {
    this.exits += 1;
    const exit = { code, reason, error: '', finishedAt: this.api.clock().toISOString() };
    return this.facts({ state: 'exited', status: `Exited (${code}) now`, exit, ...changes });
  }
}

/** Lets a container exit and start again `times` times, and reports each change. */
export async function repeat(
  host: TestHost,
  loop: Loop,
  times: number,
  { exit = CRASHED, everyMs = MINUTE_MS, report = (one: ContainerInput): Promise<unknown> => host.sync([one]) } = {},
) {
  for (let index = 0; index < times; index++) {
    await report(loop.exited(exit));
    host.organization.api.clock.advance(everyMs / 2);
    await report(loop.running());
    host.organization.api.clock.advance(everyMs / 2);
  }
}

export async function eventsOf({ organization, id }: TestHost, filter = ''): Promise<ContainerEvent[]> {
  const { body } = await organization.get(`/api/events?hostId=${id}&limit=200${filter}`).expect(200);
  return (body as { items: ContainerEvent[] }).items.reverse();
}

export const countKinds = (events: readonly ContainerEvent[]) => {
  const counts: Record<string, number> = {};
  for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

/** Returns how many exits a history contains, including those that a `looping` event combines. */
export const exitsIn = (events: readonly ContainerEvent[]) =>
  events.reduce((sum, { kind, exits }) => sum + (exits?.count ?? Number(kind === 'exited')), 0);
