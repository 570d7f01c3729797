/**
 * Runs the API from its source, again after each edit in any package, on an embedded database of its own and with an
 * admin key that everybody knows: for development on the loopback address, and nothing else.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { developmentEnv } from './development-env.js';

const inRepository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const { DATABASE_URL, MUSTER_ADMIN_KEY } = process.env;
if (DATABASE_URL && !MUSTER_ADMIN_KEY)
  console.error('DATABASE_URL is set: the API makes an admin key, or takes MUSTER_ADMIN_KEY.');

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
// This process is nothing without its child, and ends as it did; one that was told to stop by a signal has no code.
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
