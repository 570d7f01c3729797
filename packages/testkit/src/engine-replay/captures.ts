import { readFile, readdir } from 'node:fs/promises';
import { z } from 'zod';

/** Which real engine is replayed. */
export type Flavour = 'docker-28.5' | 'podman-4.3';

/** A reply as it was captured, every field that the engine wrote in it. */
export type Reply = Readonly<Record<string, unknown>>;

const CapturedPort = z.looseObject({ PrivatePort: z.number(), Type: z.string() });
export type CapturedPort = z.output<typeof CapturedPort>;

const CapturedListEntry = z.looseObject({
  Id: z.string(),
  Names: z.array(z.string()),
  Image: z.string(),
  ImageID: z.string(),
  Command: z.string(),
  Created: z.number(),
  Ports: z.array(CapturedPort),
  Labels: z.record(z.string(), z.string()),
  State: z.string(),
  Status: z.string(),
});
export type CapturedListEntry = z.output<typeof CapturedListEntry>;

const CapturedInspect = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  State: z.looseObject({
    Status: z.string(),
    ExitCode: z.number(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
    Health: z.looseObject({ Status: z.string() }).optional(),
  }),
});
export type CapturedInspect = z.output<typeof CapturedInspect>;

/** What one real engine answered, once. */
export interface Capture {
  flavour: Flavour;
  /** When the list was taken, by the engine's clock, to about a second: worked out from its status texts. */
  capturedAtMs: number;
  list: CapturedListEntry[];
  inspectById: ReadonlyMap<string, CapturedInspect>;
  version: Reply;
  info: Reply;
  apiVersion: string;
}

const CAPTURED_AT_MS: Readonly<Record<Flavour, number>> = {
  'docker-28.5': Date.parse('2026-11-23T19:31:53.500Z'),
  'podman-4.3': Date.parse('2026-11-23T19:45:40.200Z'),
};

/** Reads a capture from this package's fixtures. */
export async function loadCapture(flavour: Flavour): Promise<Capture> {
  const folder = new URL(`../../fixtures/${flavour}/`, import.meta.url);
  const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(new URL(path, folder), 'utf8'));
  const inspectFolder = new URL('inspect/', folder);
  const inspects = await Promise.all(
    (await readdir(inspectFolder)).map(async (name) =>
      CapturedInspect.parse(await read(`inspect/${encodeURIComponent(name)}`)),
    ),
  );
  const version = z.looseObject({ ApiVersion: z.string() }).parse(await read('version.json'));
  return {
    flavour,
    capturedAtMs: CAPTURED_AT_MS[flavour],
    list: z.array(CapturedListEntry).parse(await read('containers-all.json')),
    inspectById: new Map(inspects.map((inspect) => [inspect.Id, inspect])),
    version,
    info: z.looseObject({}).parse(await read('info.json')),
    apiVersion: version.ApiVersion,
  };
}
