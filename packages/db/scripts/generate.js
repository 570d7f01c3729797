/**
 * Writes the Prisma client into src/generated.
 *
 * `prisma generate` compiles the schema in WebAssembly, but the Prisma CLI does not start without its native schema
 * engine. The CLI would download this engine from a host that some networks cannot reach. The CLI only checks that the
 * engine's executable exists, and never runs it. This script therefore passes the path of node as the path of the
 * engine, unless the user has set another path.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const manifest = require.resolve('prisma/package.json');
const cli = join(dirname(manifest), require(manifest).bin.prisma);

const { status, error } = spawnSync(process.execPath, [cli, 'generate'], {
  cwd: packageRoot,
  stdio: 'inherit',
  env: {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
    ...process.env,
  },
});
if (error) throw error;
process.exitCode = status ?? 1;
