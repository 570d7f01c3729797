/**
 * Runs the API from its source for development, and restarts it after each edit in any package. The API listens on the
 * loopback address, because its admin key is well known. By default, it uses a separate embedded database.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { developmentEnv } from './development-env.js';

const inRepository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const { DATABASE_URL, DATABASE_URL_FILE, MUSTER_ADMIN_KEY, MUSTER_ADMIN_KEY_FILE } = process.env;
if ((DATABASE_URL || DATABASE_URL_FILE) && !(MUSTER_ADMIN_KEY || MUSTER_ADMIN_KEY_FILE))
  console.error('A database URL is set: the API creates an admin key. To choose the key, set MUSTER_ADMIN_KEY.');

const child = spawn(
  process.execPath,
  ['--watch', '--watch-preserve-output', '--conditions=@muster/source', '--import', 'tsx', 'src/main.ts'],
  {
    cwd: inRepository('apps/api'),
    stdio: 'inherit',
    env: developmentEnv(process.env, inRepository('.muster/dev')),
  },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
// Exits with the child's exit code. If a signal stopped the child, the child has no exit code.
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
