import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** Copies the built server to `directory`/api and the command line to `directory`/cli, with what they need to run. */
export async function copyServerFiles(directory: string): Promise<void> {
  const { packageManager } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>;
  for (const app of ['api', 'cli']) {
    const options = ['--offline', '--legacy', '--prod', '--filter', `@muster/${app}`, 'deploy'];
    execFileSync('npx', ['-y', packageManager!, ...options, join(directory, app)], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
}
