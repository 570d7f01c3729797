import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/**
 * Builds the agent release for this machine's architecture if its sources have changed since the last build. Returns
 * the directory of the release, which all tests share.
 */
export function buildAgentRelease(): string {
  execFileSync(
    process.execPath,
    ['--conditions=@muster/source', '--import', 'tsx', 'scripts/package.ts', '--if-changed'],
    { cwd: join(ROOT, 'apps/agent'), stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return join(ROOT, 'apps/agent/release');
}
