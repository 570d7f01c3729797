/**
 * Runs the agent from its source for development, and restarts it after each edit in any package. The script waits for
 * the API of `pnpm dev`, and then enrolls this machine with the well-known admin key.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EnrollmentTokenCreated, Paths, TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';

const repositoryPath = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const { PORT, MUSTER_ADMIN_KEY = formatToken('key', new Uint8Array(TOKEN_RANDOM_BYTES)) } = process.env;
// PORT is the port of the page; the API listens on the next one (apps/api/scripts/development-env.ts).
const apiUrl = `http://127.0.0.1:${Number(PORT || 3000) + 1}`;

/** Resolves when the API answers. The API may start later than this script, and must first create its database. */
async function waitUntilReady(): Promise<void> {
  for (;;) {
    const response = await fetch(apiUrl + Paths.ready).catch(() => null);
    if (response?.ok) return;
    await sleep(500);
  }
}

/**
 * Creates an enrollment token for this machine. The token is used only if the machine is not enrolled or the database
 * is new.
 */
async function createEnrollmentToken(): Promise<string> {
  const response = await fetch(apiUrl + Paths.enrollmentTokens, {
    method: 'POST',
    headers: { authorization: `Bearer ${MUSTER_ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'pnpm dev' }),
  });
  if (!response.ok) throw new Error(`the API did not create an enrollment token: ${await response.text()}`);
  return EnrollmentTokenCreated.parse(await response.json()).token;
}

await waitUntilReady();
const child = spawn(
  process.execPath,
  ['--watch', '--watch-preserve-output', '--conditions=@muster/source', '--import', 'tsx', 'src/main.ts'],
  {
    cwd: repositoryPath('apps/agent'),
    stdio: 'inherit',
    env: {
      MUSTER_ENROLL_TOKEN: await createEnrollmentToken(),
      MUSTER_STATE_DIR: repositoryPath('.muster/dev-agent'),
      ...process.env,
      MUSTER_URL: apiUrl,
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
// Exits with the child's exit code. A child that was stopped by a signal has no exit code.
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1)));
