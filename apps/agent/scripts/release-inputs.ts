import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The file of a release that contains the hash of everything that the release was built from. */
export const INPUTS_FILE = 'inputs.sha256';

/**
 * Returns a hash of everything that a release is built from: the agent's bundle, the packaging files, the packaging
 * scripts and the version of Node.js.
 */
export async function hashInputs(packageDirectory: string, bundle: string): Promise<string> {
  const hash = createHash('sha256')
    .update(process.version)
    .update(await readFile(bundle));
  for (const directory of ['packaging', 'scripts']) {
    const files = await readdir(join(packageDirectory, directory), { withFileTypes: true });
    for (const name of files
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort()) {
      hash.update(`\n${directory}/${name}\n`).update(await readFile(join(packageDirectory, directory, name)));
    }
  }
  return hash.digest('hex');
}
