import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestSaltFor, nextDigestSalt, type DigestSaltState } from '../src/services/sync/digest-salt-rules.js';

const MINUTE_MS = 60_000;
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + minutes * MINUTE_MS);
const HOSTS = Array.from({ length: 2_000 }, (_, index) => `host-${index}`);

describe('the salt of digests', () => {
  test('stays the same while replicas with different parsers run, for each of them', () => {
    const before = nextDigestSalt(null, 'old', new Set(['old']), at(0));
    const mixed = nextDigestSalt(before, 'new', new Set(['old', 'new']), at(1));
    for (const minutes of [1, 30, 6_000]) {
      const salts = ['old', 'new'].map((own) => digestSaltFor(mixed, own, 'a', at(minutes)));
      expect(salts).toEqual([
        { salt: 'old', isOwn: false },
        { salt: 'old', isOwn: false },
      ]);
    }
    expect(nextDigestSalt(mixed, 'old', new Set(['old', 'new']), at(2))).toBe(mixed);
  });

  test('changes for each host exactly once after an upgrade, evenly between 10 and 20 minutes after its end', () => {
    const before = nextDigestSalt(null, 'old', new Set(['old']), at(0));
    const after = nextDigestSalt(before, 'new', new Set(['new']), at(60));
    const changed = (minutes: number) =>
      HOSTS.filter((host) => digestSaltFor(after, 'new', host, at(60 + minutes)).salt !== 'old').length;
    expect([changed(0), changed(9.9), changed(20)]).toEqual([0, 0, HOSTS.length]);
    for (let minute = 10; minute < 20; minute++) {
      const inThisMinute = changed(minute + 1) - changed(minute);
      expect(inThisMinute).toBeGreaterThan(HOSTS.length * 0.07);
      expect(inThisMinute).toBeLessThan(HOSTS.length * 0.13);
    }
    expect(nextDigestSalt(after, 'new', new Set(['new']), at(90))).toBe(after);
  });

  test('changes after a failed upgrade too, because the new version may have stored digests', () => {
    const before = nextDigestSalt(null, 'old', new Set(['old']), at(0));
    const mixed = nextDigestSalt(before, 'new', new Set(['old', 'new']), at(1));
    const after = nextDigestSalt(mixed, 'old', new Set(['old']), at(2));
    expect(digestSaltFor(after, 'old', 'a', at(30))).toEqual({ salt: 'old/1', isOwn: true });
  });

  test('is never the proof of rows that another parser wrote', () => {
    // A model of replicas that start, stop, and report at any time. Running replicas read the shared state at each
    // step. Paused ones are not listed, and report with the state that they read last.
    const step = fc.record({
      kind: fc.constantFrom('start', 'stop', 'pause', 'resume', 'report', 'report', 'wait'),
      parser: fc.constantFrom('1', '2'),
      replica: fc.nat(1),
      changed: fc.integer({ min: 0, max: 3 }),
      minutes: fc.integer({ min: 5, max: 25 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let shared: DigestSaltState | null = null;
        let minutes = 0;
        const replicas: ({ parser: string; view: DigestSaltState | null; isPaused: boolean } | undefined)[] = [];
        /** The host: its stored salt and body, and the parser that wrote its rows. */
        const host = { salt: '', body: 0, parser: '' };
        let body = 0;
        const refresh = () => {
          const running = replicas.filter((replica) => replica !== undefined && !replica.isPaused);
          // Two rounds, so that the first replica also sees what the last one has decided.
          for (const replica of [...running, ...running]) {
            const parsers = new Set(running.map((other) => other!.parser));
            replica!.view = shared = nextDigestSalt(shared, replica!.parser, parsers, at(minutes));
          }
        };
        for (const { kind, parser, replica: index, changed, minutes: passed } of steps) {
          const replica = replicas[index];
          if (kind === 'start' && replica === undefined) {
            replicas[index] = { parser, view: null, isPaused: false };
          } else if (kind === 'stop') replicas[index] = undefined;
          else if (kind === 'pause' && replica !== undefined) replica.isPaused = true;
          else if (kind === 'resume' && replica !== undefined) replica.isPaused = false;
          else if (kind === 'wait') minutes += passed;
          refresh();
          if (kind !== 'report' || replica === undefined || replica.view === null) continue;
          if (changed === 0) body++;
          const { salt, isOwn } = digestSaltFor(replica.view, replica.parser, 'host', at(minutes));
          const matches = host.salt === salt && host.body === body;
          // A paused replica does not trust what it read long ago (`OWN_MS_MAX`).
          if (matches && isOwn && !replica.isPaused) expect(host.parser).toBe(replica.parser);
          if (!matches) Object.assign(host, { salt, body, parser: replica.parser });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
