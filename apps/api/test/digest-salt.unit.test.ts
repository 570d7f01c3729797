import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  digestSaltFor,
  isJoining,
  nextDigestSalt,
  type DigestSaltState,
} from '../src/services/sync/digest-salt-rules.js';

const MINUTE_MS = 60_000;
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + minutes * MINUTE_MS);
const HOSTS = Array.from({ length: 2_000 }, (_, index) => `host-${index}`);

describe('the salt of digests', () => {
  test('stays the same for all replicas while replicas with different parsers run', () => {
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

  test('changes exactly once for each host, evenly spread over the time from 10 to 20 minutes after an upgrade ends', () => {
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

  test('also changes after a failed upgrade, because the new version may have stored digests', () => {
    const before = nextDigestSalt(null, 'old', new Set(['old']), at(0));
    const mixed = nextDigestSalt(before, 'new', new Set(['old', 'new']), at(1));
    const after = nextDigestSalt(mixed, 'old', new Set(['old']), at(2));
    expect(digestSaltFor(after, 'old', 'a', at(30))).toEqual({ salt: 'old/1', isOwn: true });
  });

  test('never confirms rows that another parser wrote', () => {
    // A model of replicas that start, stop and are sometimes slow, so that they read the shared state late. A replica
    // that has not refreshed for a minute is not listed. After each step, some of the replicas report the host. The
    // constants have the same values as in the service.
    const [LISTED_S, OWN_S, JOIN_S] = [60, 8, 10];
    interface Replica {
      parser: string;
      seenS: number;
      current: { state: DigestSaltState; readS: number } | null;
      /** The state that the replica has read but does not use yet. */
      joining: { state: DigestSaltState; readS: number } | null;
    }
    const report = fc.record({ replica: fc.nat(2), isChanged: fc.boolean() });
    const step = fc.record({
      kind: fc.constantFrom('start', 'stop', 'refresh', 'refresh', 'refresh', 'wait'),
      parser: fc.constantFrom('1', '2'),
      replica: fc.nat(2),
      seconds: fc.oneof(fc.integer({ min: 1, max: 11 }), fc.constantFrom(61, 25 * 60)),
      reports: fc.array(report, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let shared: DigestSaltState | null = null;
        let nowS = 0;
        const replicas: (Replica | undefined)[] = [];
        /** The host: its stored salt and body, and the parser that wrote its rows. */
        const host = { salt: '', body: 0, parser: '' };
        let body = 0;
        const now = () => at(nowS / 60);
        const endWait = (replica: Replica) => {
          if (replica.joining === null || nowS - replica.joining.readS < JOIN_S) return;
          [replica.current, replica.joining] = [replica.joining, null];
        };
        const refresh = (replica: Replica) => {
          replica.seenS = nowS;
          if (replica.joining !== null) return;
          const listed = replicas.filter((other) => other !== undefined && nowS - other.seenS < LISTED_S);
          shared = nextDigestSalt(shared, replica.parser, new Set(listed.map((other) => other!.parser)), now());
          const read = { state: shared, readS: nowS };
          if (isJoining(replica.current?.state ?? null, shared)) replica.joining = read;
          else replica.current = read;
        };
        for (const { kind, parser, replica: index, seconds, reports } of steps) {
          if (kind === 'wait') nowS += seconds;
          for (const replica of replicas) if (replica !== undefined) endWait(replica);
          if (kind === 'stop') replicas[index] = undefined;
          else if (kind === 'refresh' && replicas[index] !== undefined) refresh(replicas[index]);
          else if (kind === 'start' && replicas[index] === undefined) {
            refresh((replicas[index] = { parser, seenS: nowS, current: null, joining: null }));
          }
          for (const { replica: reporting, isChanged } of reports) {
            const replica = replicas[reporting];
            if (replica === undefined || replica.current === null) continue;
            if (isChanged) body++;
            const { salt, isOwn } = digestSaltFor(replica.current.state, replica.parser, 'host', now());
            const matches = host.salt === salt && host.body === body;
            if (matches && isOwn && nowS - replica.current.readS < OWN_S) expect(host.parser).toBe(replica.parser);
            if (!matches) Object.assign(host, { salt, body, parser: replica.parser });
          }
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
