/**
 * `pnpm openapi` writes docs/openapi.json from the contracts; `pnpm openapi:check` compares it with them instead, and
 * exits with 1 where they differ.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { createOpenApiDocument } from '../src/openapi/document.js';

const file = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
const text = `${JSON.stringify(createOpenApiDocument(), null, 2)}\n`;

const program = new Command('openapi').option('--check', 'compare the file instead of writing it').parse();
if (program.opts<{ check?: boolean }>().check === true) {
  const current = await readFile(file, 'utf8').catch(() => '');
  if (current !== text) {
    console.error('docs/openapi.json is not what the contracts say: run `pnpm openapi`, and look at what changed.');
    process.exitCode = 1;
  }
} else {
  await writeFile(file, text);
}
