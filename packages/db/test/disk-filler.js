/**
 * A helper process: fills the disk (a tmpfs) of an embedded database until a write fails, and prints how many rows can
 * still be read. It then enlarges the disk, opens the database again and prints how many rows can be read. It uses the
 * built package, which starts faster than the sources.
 */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

import { isUnavailable, openDatabase } from '@muster/db';

const dataDir = process.argv[2] ?? '';
const print = (words) => process.stdout.write(`${words}\n`);

const full = await openDatabase({ dataDir });
let written = 0;
try {
  for (; ; written += 1) {
    // This text is long enough to be stored out of line, and too random to be compressed.
    const metadata = Array.from({ length: 3_000 }, () => Math.random()).join();
    await full.prisma.organization.create({ data: { id: `${written}`, name: 'o', slug: `${written}`, metadata } });
  }
} catch (error) {
  print(`${written} written, then ${isUnavailable(error) ? 'unavailable' : String(error)}`);
}
print(`${await full.prisma.organization.count()} read`);
await full.close();

spawnSync('mount', ['-o', 'remount,size=600M', dirname(dataDir)], { stdio: 'inherit' });
const roomy = await openDatabase({ dataDir });
await roomy.prisma.organization.create({ data: { id: 'last', name: 'o', slug: 'last' } });
print(`${await roomy.prisma.organization.count()} read`);
await roomy.close();
