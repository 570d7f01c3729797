/** Builds `dist/main.js`, a single file that contains the agent and runs on Node.js. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleAgent } from './bundle.js';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
await rm(dist, { recursive: true, force: true });
await bundleAgent(join(dist, 'main.js'), 'esm');
