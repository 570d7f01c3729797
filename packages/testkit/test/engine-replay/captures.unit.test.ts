import { describe, expect, test } from '@jest/globals';
import { loadCapture, ReplayedEngine, type CapturedEngine, type Reply } from '../../src/engine-replay/index.js';

const withoutOrder = (list: readonly Reply[]) =>
  list
    .map((each) => ({ ...each, Ports: (each['Ports'] as object[]).map((port) => JSON.stringify(port)).sort() }))
    .sort((a, b) => (String(a['Id' as never]) < String(b['Id' as never]) ? -1 : 1));

const withoutStatus = (list: readonly Reply[]) => withoutOrder(list).map((each) => ({ ...each, Status: undefined }));

/** Splits the number of seconds off a status text. */
const splitSeconds = (status: unknown): [string, number] => {
  const seconds = /(\d+) seconds/.exec(String(status))?.[1];
  return [String(status).replace(/\d+ seconds/, 'N seconds'), Number(seconds ?? 0)];
};

describe.each<CapturedEngine>(['docker-28.5', 'podman-4.3'])(
  '%s replayed at the moment of its capture',
  (capturedEngine) => {
    test('returns the same list as the real engine, in every field', async () => {
      const capture = await loadCapture(capturedEngine);
      const engine = new ReplayedEngine(capture, { nowMs: () => capture.capturedAtMs, random: () => 0 });
      engine.adoptCaptured();

      const listed = engine.list(true);

      expect(withoutStatus(listed)).toEqual(withoutStatus(capture.list));
      const real = new Map(capture.list.map(({ Id, Status }) => [Id, Status]));
      for (const { Id, Names, Status } of listed as { Id: string; Names: string[]; Status: string }[]) {
        // This container restarted between the capture of the list and the capture of its description.
        if (Names[0] === '/h5-restarting') continue;
        // Podman took a second to respond, so the times in the captured texts differ by up to a second.
        const [text, seconds] = splitSeconds(Status);
        const [realText, realSeconds] = splitSeconds(real.get(Id));
        expect(text).toBe(realText);
        expect(Math.abs(seconds - realSeconds)).toBeLessThanOrEqual(capturedEngine === 'podman-4.3' ? 1 : 0);
      }
    });

    test('returns the same description of each container as the real engine', async () => {
      const capture = await loadCapture(capturedEngine);
      const engine = new ReplayedEngine(capture, { nowMs: () => capture.capturedAtMs, random: () => 0 });
      engine.adoptCaptured();
      for (const { Id } of capture.list) {
        const inspected = engine.inspect(Id) as { State: Record<string, unknown> };
        const real = capture.inspectById.get(Id)!;
        expect(inspected.State['StartedAt']).toBe(real.State.StartedAt);
        expect({ ...inspected, State: undefined }).toEqual({ ...real, State: undefined });
      }
    });

    test('updates the ages in its status texts', async () => {
      const capture = await loadCapture(capturedEngine);
      let nowMs = capture.capturedAtMs;
      const engine = new ReplayedEngine(capture, { nowMs: () => nowMs, random: () => 0 });
      engine.adoptCaptured();
      nowMs += 5 * 60_000;
      const web = engine.list(true).find(({ Names }) => String(Names) === '/shop-web-1');
      expect(web!['Status']).toBe('Up 5 minutes');
    });
  },
);

test('the list without ?all=1 contains only the containers that the real engine listed as running', async () => {
  const capture = await loadCapture('docker-28.5');
  const engine = new ReplayedEngine(capture, { nowMs: () => capture.capturedAtMs, random: () => 0 });
  engine.adoptCaptured();
  const states = engine.list(false).map(({ State }) => State);
  expect(states).not.toContain('exited');
  expect(states).not.toContain('created');
  expect(states.length).toBe(18);
});
