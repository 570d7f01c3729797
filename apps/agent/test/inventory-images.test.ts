import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Container } from '@muster/contracts';
import { EngineAddress } from '../src/engine/address.js';
import { createEngineClient, type EngineClient } from '../src/engine/client.js';
import { createInventory, type Inventory } from '../src/engine/inventory.js';
import { ScriptedEngine } from './scripted-engine.js';

const signal = new AbortController().signal;
const IMAGE_ID = `sha256:${'1'.repeat(64)}`;
const OTHER_ID = `sha256:${'2'.repeat(64)}`;
const DIGEST = `sha256:${'d'.repeat(64)}`;

let engine: ScriptedEngine;
let client: EngineClient;
let inventory: Inventory;
let nowMs: number;

beforeEach(async () => {
  engine = new ScriptedEngine();
  client = createEngineClient({ address: EngineAddress.parse(await engine.listen()), apiVersion: null });
  nowMs = 1_000_000;
  inventory = createInventory(client, { names: /$^/, values: /$^/g }, { warn: () => undefined }, () => nowMs);
});
afterEach(async () => {
  client.close();
  await engine.close();
});

async function readAll(afterMs = 0): Promise<Container[]> {
  nowMs += afterMs;
  return (await inventory.read(signal)).containers;
}

test('a container keeps the name of its image when the tag moves, even if a later inspection fails', async () => {
  engine.set('c', { image: 'demo:1', imageId: IMAGE_ID });
  expect((await readAll())[0]!.image).toBe('demo:1');
  engine.set('c', { image: IMAGE_ID, imageId: IMAGE_ID, configImage: 'demo:1' });
  expect((await readAll(60_000))[0]!.image).toBe('demo:1');
  engine.forbidden = /^\/containers\/.+\/json$/;
  engine.set('c', { image: IMAGE_ID, imageId: IMAGE_ID, configImage: 'demo:1', status: 'Up 1 second' });
  const [restarted] = await readAll(60_000);
  expect([restarted!.image, restarted!.startedAt]).toEqual(['demo:1', null]);
});

test('each image is inspected once, and its repository digest is reported for all its containers', async () => {
  engine.repoDigests.set(IMAGE_ID, [`registry.test/demo@${DIGEST}`]);
  engine.set('a', { image: 'registry.test/demo:1', imageId: IMAGE_ID });
  engine.set('b', { image: 'registry.test/demo:2', imageId: IMAGE_ID });
  engine.set('c', { image: 'gone:1', imageId: OTHER_ID });
  for (let readings = 0; readings < 3; readings++) {
    expect((await readAll(60_000)).map(({ imageDigest }) => imageDigest)).toEqual([DIGEST, DIGEST, undefined]);
  }
  expect(engine.count('image')).toBe(2);
});

test('after a refused inspection, no image is inspected until the connection to the engine was lost', async () => {
  engine.forbidden = /^\/images\//;
  engine.repoDigests.set(IMAGE_ID, [`demo@${DIGEST}`]);
  engine.set('a', { image: 'demo:1', imageId: IMAGE_ID });
  for (let readings = 0; readings < 3; readings++) {
    expect((await readAll(3_600_000))[0]).not.toHaveProperty('imageDigest');
  }
  expect(engine.count('image')).toBe(1);
  engine.forbidden = /$^/;
  inventory.retryInspections();
  expect((await readAll())[0]!.imageDigest).toBe(DIGEST);
});

test('a container that the list shows as restarted is inspected again before its start event arrives', async () => {
  engine.set('c', { status: 'Up Less than a second', startedAt: '2026-11-01T10:00:00Z' });
  await readAll();
  engine.set('c', { status: 'Up Less than a second', startedAt: '2026-11-01T10:00:03Z' });
  expect((await readAll(3_000))[0]!.startedAt).toBe('2026-11-01T10:00:03.000Z');
});
