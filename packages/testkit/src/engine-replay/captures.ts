import { readFile, readdir } from 'node:fs/promises';

/** The captured engines. */
export type CapturedEngine = 'docker-28.5' | 'podman-4.3';

/** A captured JSON object with all its fields. */
export type Reply = Readonly<Record<string, unknown>>;

export interface EnginePort extends Reply {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

/** An item of an engine's list of containers. */
export interface EngineListEntry extends Reply {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  Created: number;
  Ports: EnginePort[];
  Labels: Record<string, string>;
  State: string;
  Status: string;
}

/** An engine's description of one container. */
export interface EngineInspect extends Reply {
  Id: string;
  Name: string;
  Config: Reply;
  State: Reply & {
    Status: string;
    ExitCode: number;
    StartedAt: string;
    FinishedAt: string;
    Health?: Reply & { Status: string };
  };
}

/** The captured responses of a real engine. */
export type Capture = Awaited<ReturnType<typeof loadCapture>>;

/**
 * The times at which the lists were captured, according to the clocks of the engines. They were derived from the status
 * texts, and are accurate to about a second.
 */
const CAPTURED_AT_MS: Readonly<Record<CapturedEngine, number>> = {
  'docker-28.5': Date.parse('2026-11-23T19:31:53.500Z'),
  'podman-4.3': Date.parse('2026-11-23T19:45:40.200Z'),
};

/** Reads a capture from this package's fixtures. */
export async function loadCapture(capturedEngine: CapturedEngine) {
  const folder = new URL(`../../fixtures/${capturedEngine}/`, import.meta.url);
  const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(new URL(path, folder), 'utf8')) as T;
  const files = await readdir(new URL('inspect/', folder));
  const inspects = await Promise.all(files.map((name) => read<EngineInspect>(`inspect/${encodeURIComponent(name)}`)));
  return {
    capturedEngine,
    capturedAtMs: CAPTURED_AT_MS[capturedEngine],
    list: await read<EngineListEntry[]>('containers-all.json'),
    inspectById: new Map(inspects.map((inspect) => [inspect.Id, inspect])),
    version: await read<Reply & { ApiVersion: string }>('version.json'),
    info: await read<Reply>('info.json'),
  };
}
