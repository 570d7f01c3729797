import { execFileSync } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prune } from './prune.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Writes the built server (`api`), the command line (`cli`, `bin/muster`) and the health check to `directory`, with the
 * packages that they need to run. `directory` must be empty or not exist.
 */
export async function writeServerFiles(directory: string): Promise<void> {
  const { packageManager } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<string, string>;
  // Uses a layout without links, because the names of pnpm's links contain paths of this machine. Uses copies instead
  // of hard links, because changing the mode of a hard link would also change the original file.
  const options = ['--config.node-linker=hoisted', '--config.package-import-method=copy', '--prefer-offline'];
  const deploy = ['--filter', '@muster/image', '--prod', 'deploy', ...options, directory];
  execFileSync('npx', ['-y', packageManager!, ...deploy], {
    cwd: ROOT,
    // A test's NODE_OPTIONS must not apply to pnpm.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 2, 2],
  });
  await prune(directory);
  // Replaces pnpm's file, which contains paths of this machine.
  await writeFile(join(directory, 'package.json'), '{ "name": "muster", "private": true, "type": "module" }\n');
  await cp(join(ROOT, 'deploy/image/bin'), join(directory, 'bin'), { recursive: true });
  for (const app of ['api', 'cli']) await symlink(`node_modules/@muster/${app}`, join(directory, app));
}
