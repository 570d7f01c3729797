/**
 * `pnpm openapi` generates docs/openapi.json from the contracts. `pnpm openapi:check` only compares the file with the
 * contracts, and exits with 1 if they differ.
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
    console.error('docs/openapi.json differs from the contracts: run `pnpm openapi` and review the changes.');
    process.exitCode = 1;
  }
} else {
  await writeFile(file, text);
}
