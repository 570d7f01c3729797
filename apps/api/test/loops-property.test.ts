import { describe, expect, test } from '@jest/globals';
import type { ContainerEvent, ContainerInput, Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { createContainerService } from '../src/services/container.js';
import { recordEndedLoops } from '../src/services/sync/index.js';
import { container } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';

const HOUR_MS = 3_600_000;

/**
 * Exits of one container at equal intervals. The process that receives a report may not have the last report in memory.
 */
const burst = fc.record({
  exits: fc.integer({ min: 1, max: 30 }),
  everyMs: fc.constantFrom(2_000, 60_000, 160_000, 190_000, 600_000, 4_000_000),
  code: fc.constantFrom(0, 1, 137),
  restarts: fc.boolean(),
  process: fc.constantFrom(0, 1),
  /** Whether the search for ended loops runs after this burst. */
  isSearched: fc.boolean(),
});

const REASONS = { 0: 'completed', 1: 'crashed', 137: 'oom' } as const;

interface Exit {
  at: number;
  code: number;
}

describe.each(testEngines())('any sequence of exits over several hours, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  async function eventsOf({ organization, id }: TestHost): Promise<ContainerEvent[]> {
    const events: ContainerEvent[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<ContainerEvent> = (
        await organization.get(
          `/api/events?hostId=${id}&limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        )
      ).body as Page<ContainerEvent>;
      events.push(...page.items);
      cursor = page.nextCursor;
    }
    return events.reverse();
  }

  async function isCrashLoop({ organization, id }: TestHost): Promise<boolean> {
    const { body } = await organization.get(`/api/containers?problem=crash_loop&hostId=${id}`).expect(200);
    return (body as { items: object[] }).items.length > 0;
  }

  /** Checks a history against all exits that happened. Makes no assumption about how the server decides. */
  function check(events: readonly ContainerEvent[], exits: readonly Exit[]) {
    const singles = events.filter(({ kind }) => kind === 'exited').map(({ recordedAt }) => Date.parse(recordedAt));
    const loops = events.flatMap((event) =>
      event.exits ? [{ ...event.exits, at: Date.parse(event.recordedAt) }] : [],
    );
    // Each exit is in the history once.
    expect(singles.length + loops.reduce((sum, { count }) => sum + count, 0)).toBe(exits.length);
    // In any hour, there are at most 20 single exits. Each start belongs to a single exit or directly follows a
    // `looping` event. A start follows a `looping` event if the hour of the loop ended between the loop's last exit and
    // this start.
    for (const from of singles)
      expect(singles.filter((at) => at >= from && at < from + HOUR_MS).length).toBeLessThan(21);
    const starts = events.filter(({ kind }, index) => kind === 'started' && events[index - 1]?.kind !== 'looping');
    expect(starts.length).toBeLessThanOrEqual(singles.length);
    // There is at most one `looping` event an hour.
    for (const [index, { at }] of loops.entries()) {
      if (index > 0) expect(at - loops[index - 1]!.at).toBeGreaterThanOrEqual(HOUR_MS);
    }
    // The counts, times and codes of a loop match the exits that have no event of their own.
    const isSingle = new Set(singles);
    for (const { count, first, last, codes } of loops) {
      const folded = exits.filter(({ at }) => !isSingle.has(at) && at >= Date.parse(first) && at <= Date.parse(last));
      expect([folded.length, folded[0]?.at, folded.at(-1)?.at]).toEqual([count, Date.parse(first), Date.parse(last)]);
      for (const { code, reason, count: ofCode } of codes) {
        expect(reason).toBe(REASONS[code as 0 | 1 | 137]);
        expect(folded.filter((exit) => exit.code === code).length).toBe(ofCode);
      }
    }
    // A container that does not exit often has one event for each exit.
    for (const { at } of exits) {
      const before = exits.filter((other) => other.at < at && other.at > at - 2 * HOUR_MS).length;
      if (before < 20) expect(isSingle.has(at)).toBe(true);
    }
  }

  test('has each exit in the history once, in few events, and causes the same crash loop as single events would', async () => {
    const { clock, db } = context.api;
    const organization = await context.api.organization();
    const services = [
      createContainerService(db, { now: clock }),
      createContainerService(db, { now: clock, memoryBytesMax: 0 }),
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(burst, { minLength: 1, maxLength: 7 }), async (bursts) => {
        const host = await organization.enroll();
        const unfolded = await organization.enroll();
        const exits: Exit[] = [];
        let reports = 0;
        const report = async (one: ContainerInput, process: number) => {
          const digest = `${host.id} ${reports++}`;
          await services[process]!.syncContainers(host.id, [one], { digest });
          await services[process]!.syncContainers(unfolded.id, [one], { digest, isOwnDigest: false });
        };
        const facts = { ports: [], oomKilled: false, restartCount: 0, health: null };
        await report(container('a', { ...facts, status: 'Up 1 second', exit: null }), 0);
        for (const { exits: times, everyMs, code, restarts, process, isSearched } of bursts) {
          for (let index = 0; index < times; index++) {
            const exit = { code, reason: REASONS[code], error: '', finishedAt: clock().toISOString() };
            exits.push({ at: clock().getTime(), code });
            const startedAt = clock().toISOString();
            const state = restarts ? 'exited' : 'restarting';
            await report(container('a', { ...facts, state, status: `Exited (${code}) now`, exit, startedAt }), process);
            clock.advance(everyMs / 2);
            await report(
              container('a', { ...facts, status: 'Up 1 second', exit: null, startedAt: clock().toISOString() }),
              process,
            );
            clock.advance(everyMs / 2);
          }
          if (isSearched) await recordEndedLoops(db, clock());
          const recentErrors = exits.filter((exit) => exit.code !== 0 && exit.at > clock().getTime() - HOUR_MS).length;
          const isLoop = await isCrashLoop(host);
          expect(await isCrashLoop(unfolded)).toBe(recentErrors >= 3);
          // Exits in a `looping` event count as recent until an hour after the last exit.
          if (recentErrors === 0 || recentErrors >= 3) expect(isLoop).toBe(recentErrors >= 3);
        }
        clock.advance(HOUR_MS);
        await recordEndedLoops(db, clock());
        check(await eventsOf(host), exits);
        expect((await host.row('a'))?.loopingSince).toBeNull();
      }),
      { numRuns: 4 },
    );
  });
});
