import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Returns every module under `folder` except main.ts. */
export async function modulesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.ts') && name !== 'main.ts').map((name) => join(folder, name));
}
