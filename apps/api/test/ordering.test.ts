/**
 * Never an older state over a newer one: an agent, its restarts, both clocks and a network that reorders, repeats and
 * loses, in any interleaving. What is true is told by the order in which the machine was looked at, which the server
 * never sees.
 */
import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { container, order, useApi, type TestClock, type TestHost } from './harness.js';

/** A look at the machine, on its way. */
interface Message {
  /** Rises with each look: what no clock and no sequence can be wrong about. */
  readonly look: number;
  readonly state: number;
  readonly stream: string;
  readonly sequence: number;
  readonly observedAt: Date;
}

/** Few, so that states come back and are found equal by their digests. */
const STATES = [
  [],
  [container('a')],
  [container('a', { state: 'exited', status: 'Exited (1) 1 second ago' }), container('b')],
];

/** The machine and the network, as they are. */
interface World {
  looks: number;
  stream: string;
  sequence: number;
  /** Streams of which a snapshot has arrived. */
  seen: Set<string>;
  /** How far the machine's clock is off. */
  clockErrorMs: number;
  network: Message[];
  /** The newest look that the server has taken over. */
  newest: Message | null;
}

interface Server {
  readonly clock: TestClock;
  /** The same host by way of two processes. */
  readonly replicas: readonly TestHost[];
}

type Step = fc.AsyncCommand<World, Server>;

class Look implements Step {
  constructor(private readonly state: number) {}
  check = () => true;
  async run(world: World, { clock }: Server) {
    world.looks += 1;
    world.sequence += 1;
    world.network.push({
      ...{ look: world.looks, state: this.state, stream: world.stream, sequence: world.sequence },
      observedAt: new Date(clock().getTime() + world.clockErrorMs),
    });
  }
  toString = () => `look(${this.state})`;
}

class Deliver implements Step {
  constructor(
    private readonly which: number,
    private readonly replica: number,
    private readonly staysOnTheWay: boolean,
  ) {}
  check = ({ network }: Readonly<World>) => network.length > 0;
  async run(world: World, { replicas }: Server) {
    const index = this.which % world.network.length;
    const message = world.network[index]!;
    if (!this.staysOnTheWay) world.network.splice(index, 1);
    world.seen.add(message.stream);
    const host = replicas[this.replica]!;
    const headers = order(message.stream, message.sequence, message.observedAt);
    const { applied } = await host.sync(STATES[message.state]!, headers);
    if (applied) {
      expect(message.look).toBeGreaterThan(world.newest?.look ?? 0);
      world.newest = message;
    } else if (message.stream === world.newest?.stream) {
      // Of the current run, what is newer is never refused.
      expect(message.look).toBeLessThanOrEqual(world.newest.look);
    }
    await expectState(host, world.newest?.state ?? 0);
  }
  toString = () => `deliver(${this.which}, ${this.replica}${this.staysOnTheWay ? ', and again later' : ''})`;
}

class Lose implements Step {
  constructor(private readonly which: number) {}
  check = ({ network }: Readonly<World>) => network.length > 0;
  async run({ network }: World) {
    network.splice(this.which % network.length, 1);
  }
  toString = () => `lose(${this.which})`;
}

class Restart implements Step {
  check = () => true;
  async run(world: World) {
    // A run that nobody ever heard of, and hears of when the next one has begun, can only be told by its clock: that
    // is a test of its own, below.
    if (!world.seen.has(world.stream)) world.network = world.network.filter(({ stream }) => stream !== world.stream);
    world.stream = randomUUID();
    world.sequence = 0;
  }
  toString = () => 'restart';
}

class MoveClock implements Step {
  constructor(
    private readonly whose: 'server' | 'machine',
    private readonly ms: number,
  ) {}
  check = () => true;
  async run(world: World, { clock }: Server) {
    if (this.whose === 'server') clock.advance(this.ms);
    else world.clockErrorMs += this.ms;
  }
  toString = () => `${this.whose}'s clock ${this.ms} ms`;
}

async function expectState(host: TestHost, state: number): Promise<void> {
  const expected = Object.fromEntries(STATES[state]!.map((sent) => [sent.dockerId, sent]));
  expect(await host.present()).toEqual(expected);
}

const DAY_MS = 86_400_000;
const which = fc.nat({ max: 20 });
const jump = fc.constantFrom(-DAY_MS, -61_000, -1_000, -1, 1, 1_000, 59_999, 61_000, DAY_MS);
const steps = [
  fc.nat({ max: STATES.length - 1 }).map((state) => new Look(state)),
  fc.tuple(which, fc.nat({ max: 1 }), fc.boolean()).map((args) => new Deliver(...args)),
  fc.tuple(which, fc.nat({ max: 1 }), fc.boolean()).map((args) => new Deliver(...args)),
  which.map((index) => new Lose(index)),
  fc.constant(new Restart()),
  jump.map((ms) => new MoveClock('server', ms)),
  jump.map((ms) => new MoveClock('machine', ms)),
];

describe.each(testEngines())('the order of states on %s', (engine) => {
  const context = useApi(engine);

  async function newHost(): Promise<Server> {
    const host = await (await context.api.organization()).enroll();
    return { clock: context.api.clock, replicas: [host, host.through(context.api.replica())] };
  }

  const newWorld = (): World => ({
    ...{ looks: 0, stream: randomUUID(), sequence: 0, seen: new Set<string>(), clockErrorMs: 0 },
    ...{ network: [], newest: null },
  });

  test('holds in any interleaving of looks, arrivals, repeats, losses, restarts and jumps of both clocks', async () => {
    await fc.assert(
      // As many restarts as a host remembers runs: what came before them is a run that nobody has heard of.
      fc.asyncProperty(fc.commands(steps, { maxCommands: 30 }).filter(isRemembered), async (commands) => {
        const server = await newHost();
        const world = newWorld();
        await fc.asyncModelRun(() => ({ model: world, real: server }), commands);
        // And whatever happened: a minute after all that was heard, the next look makes the server exact. A server's
        // clock that was set back has to come by that moment again.
        const { streamHeardAt } = await server.replicas[0]!.host();
        const aheadMs = (streamHeardAt?.getTime() ?? 0) - server.clock().getTime();
        server.clock.advance(Math.max(0, aheadMs) + 61_000);
        await new Look(2).run(world, server);
        const { stream, sequence, observedAt } = world.network.at(-1)!;
        const last = await server.replicas[0]!.sync(STATES[2]!, order(stream, sequence, observedAt));
        expect(last.applied).toBe(true);
        await expectState(server.replicas[1]!, 2);
      }),
      { numRuns: 60, endOnFailure: false },
    );
  });

  const isRemembered = (commands: Iterable<Step>): boolean =>
    [...commands].filter((command) => String(command) === 'restart').length <= 8;

  test('holds for a run that is heard of for the first time when the next one is at work, by its clock', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 50_000 }), fc.nat({ max: 9_000 }), async (laterMs, silentMs) => {
        const { clock, replicas } = await newHost();
        const [host] = replicas;
        const observedAt = clock();
        clock.advance(laterMs);
        await host!.sync(STATES[1]!, order(randomUUID(), 1, clock()));
        clock.advance(silentMs);
        const late = await host!.sync(STATES[2]!, order(randomUUID(), 99, observedAt));
        expect(late).toMatchObject({ applied: false, reason: 'observed_earlier' });
        await expectState(host!, 1);
      }),
      { numRuns: 20 },
    );
  });

  test('an agent that restarts every second, its last requests late, is not taken for two machines', async () => {
    const { clock, replicas } = await newHost();
    const [host] = replicas;
    let previous: Record<string, string> | null = null;
    for (let restart = 0; restart < 12; restart += 1) {
      clock.advance(1_000);
      const stream = randomUUID();
      expect(await host!.sync(STATES[1]!, order(stream, 1, clock()))).toMatchObject({ applied: true });
      if (previous !== null) expect(await host!.sync(STATES[2]!, previous)).toMatchObject({ applied: false });
      previous = order(stream, 2, clock());
    }
    expect(await shownClone(host!)).toBeNull();
  });

  const shownClone = async ({ organization, id }: TestHost): Promise<string | null> => {
    const { body } = await organization.get(`/api/hosts/${id}`).expect(200);
    return (body as { cloneSuspectedAt: string | null }).cloneSuspectedAt;
  };

  test.each([10, 60])(
    'two machines with one token are shown as such within two minutes, reporting every %d s, and never mixed',
    async (everySeconds) => {
      const { clock, replicas } = await newHost();
      const machines = [1, 2].map((state) => ({ state, stream: randomUUID() }));
      const [host] = replicas;
      for (let turn = 0; turn * everySeconds <= 120; turn += 1) {
        for (const [index, { state, stream }] of machines.entries()) {
          await replicas[index]!.sync(STATES[state]!, order(stream, turn, clock()));
          // The second one took over, and keeps what it said.
          await expectState(host!, turn === 0 && index === 0 ? 1 : 2);
        }
        if (turn === 0) expect(await shownClone(host!)).toBeNull();
        clock.advance(everySeconds * 1_000);
      }
      expect(await shownClone(host!)).not.toBeNull();
    },
  );
});
