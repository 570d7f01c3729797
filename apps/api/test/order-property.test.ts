/**
 * Tests that an old state never replaces a newer state. Agents restart, clocks of the machine and the server jump,
 * and the network reorders, repeats and loses snapshots, in any order. The server never receives the true order of the
 * observations.
 */
import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { container, order } from './fixtures.js';
import { useApi, type TestClock, type TestHost } from './harness.js';

/** An observation of the machine, on its way to the server. */
interface Message {
  /** The true order: rises with each observation, independently of clocks and sequences. */
  readonly observation: number;
  readonly state: number;
  readonly stream: string;
  readonly sequence: number;
  readonly observedAt: Date;
}

/** There are few states, so that states recur and have equal digests. */
const STATES = [
  [],
  [container('a')],
  [container('a', { state: 'exited', status: 'Exited (1) 1 second ago' }), container('b')],
];

/** The actual state of the machine and the network. */
interface World {
  observations: number;
  stream: string;
  sequence: number;
  /** The streams from which a snapshot has arrived. */
  seen: Set<string>;
  /** Milliseconds by which the machine's clock is wrong. */
  clockErrorMs: number;
  network: Message[];
  /** The newest observation that the server has applied. */
  newest: Message | null;
}

interface Server {
  readonly clock: TestClock;
  /** Two clients for one host. Each client calls a different process. */
  readonly replicas: readonly TestHost[];
}

type Step = fc.AsyncCommand<World, Server>;

class Observe implements Step {
  constructor(private readonly state: number) {}
  check = () => true;
  async run(world: World, { clock }: Server) {
    world.observations += 1;
    world.sequence += 1;
    world.network.push({
      observation: world.observations,
      state: this.state,
      stream: world.stream,
      sequence: world.sequence,
      observedAt: new Date(clock().getTime() + world.clockErrorMs),
    });
  }
  toString = () => `observe(${this.state})`;
}

class Deliver implements Step {
  constructor(
    private readonly choice: number,
    private readonly replica: number,
    private readonly staysOnTheWay: boolean,
  ) {}
  check = ({ network }: Readonly<World>) => network.length > 0;
  async run(world: World, { replicas }: Server) {
    const index = this.choice % world.network.length;
    const message = world.network[index]!;
    if (!this.staysOnTheWay) world.network.splice(index, 1);
    world.seen.add(message.stream);
    const host = replicas[this.replica]!;
    const headers = order(message.stream, message.sequence, message.observedAt);
    const { applied } = await host.sync(STATES[message.state]!, headers);
    if (applied) {
      expect(message.observation).toBeGreaterThan(world.newest?.observation ?? 0);
      world.newest = message;
    } else if (message.stream === world.newest?.stream) {
      // A newer snapshot of the current run is never refused.
      expect(message.observation).toBeLessThanOrEqual(world.newest.observation);
    }
    await expectState(host, world.newest?.state ?? 0);
  }
  toString = () => `deliver(${this.choice}, ${this.replica}${this.staysOnTheWay ? ', and again later' : ''})`;
}

class Lose implements Step {
  constructor(private readonly choice: number) {}
  check = ({ network }: Readonly<World>) => network.length > 0;
  async run({ network }: World) {
    network.splice(this.choice % network.length, 1);
  }
  toString = () => `lose(${this.choice})`;
}

class Restart implements Step {
  check = () => true;
  async run(world: World) {
    // If no snapshot of this run has arrived yet, the network loses all snapshots of the run. Otherwise, the first
    // snapshot could arrive after the next run has begun, and only the clock could determine the order. A separate test
    // below covers that case.
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
const choice = fc.nat({ max: 20 });
const jump = fc.constantFrom(-DAY_MS, -61_000, -1_000, -1, 1, 1_000, 59_999, 61_000, DAY_MS);
const steps = [
  fc.nat({ max: STATES.length - 1 }).map((state) => new Observe(state)),
  fc.tuple(choice, fc.nat({ max: 1 }), fc.boolean()).map((args) => new Deliver(...args)),
  fc.tuple(choice, fc.nat({ max: 1 }), fc.boolean()).map((args) => new Deliver(...args)),
  choice.map((index) => new Lose(index)),
  fc.constant(new Restart()),
  jump.map((ms) => new MoveClock('server', ms)),
  jump.map((ms) => new MoveClock('machine', ms)),
];

describe.each(testEngines())('the order of states on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  async function newHost(): Promise<Server> {
    const host = await (await context.api.organization()).enroll();
    return { clock: context.api.clock, replicas: [host, host.through(context.api.replica())] };
  }

  const newWorld = (): World => ({
    observations: 0,
    stream: randomUUID(),
    sequence: 0,
    seen: new Set<string>(),
    clockErrorMs: 0,
    network: [],
    newest: null,
  });

  test('an older state never replaces a newer state in any sequence of observations, arrivals, repeats, losses, restarts and clock jumps', async () => {
    await fc.assert(
      // The server remembers a limited number of runs per host, so the agent restarts at most that many times.
      fc.asyncProperty(fc.commands(steps, { maxCommands: 30 }).filter(isRemembered), async (commands) => {
        const server = await newHost();
        const world = newWorld();
        await fc.asyncModelRun(() => ({ model: world, real: server }), commands);
        // The server applies any observation that arrives more than a minute after the last contact, and its state is
        // then exact. If the server's clock was set back, the clock must first reach the time of the last contact
        // again.
        const { streamHeardAt } = await server.replicas[0]!.host();
        const aheadMs = (streamHeardAt?.getTime() ?? 0) - server.clock().getTime();
        server.clock.advance(Math.max(0, aheadMs) + 61_000);
        await new Observe(2).run(world, server);
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

  test('the observation time decides the order if the server first sees a run while the next run is active', async () => {
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

  test('an agent that restarts every second, and whose last requests arrive late, is not a suspected clone', async () => {
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
    'two machines that share a token and report every %d s are detected within two minutes, and their states are never mixed',
    async (everySeconds) => {
      const { clock, replicas } = await newHost();
      const machines = [1, 2].map((state) => ({ state, stream: randomUUID() }));
      const [host] = replicas;
      for (let turn = 0; turn * everySeconds <= 120; turn += 1) {
        for (const [index, { state, stream }] of machines.entries()) {
          await replicas[index]!.sync(STATES[state]!, order(stream, turn, clock()));
          // The second machine took over, and its state remains.
          await expectState(host!, turn === 0 && index === 0 ? 1 : 2);
        }
        if (turn === 0) expect(await shownClone(host!)).toBeNull();
        clock.advance(everySeconds * 1_000);
      }
      expect(await shownClone(host!)).not.toBeNull();
    },
  );
});
