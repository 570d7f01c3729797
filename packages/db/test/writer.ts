/**
 * A helper process: opens the embedded database of a directory and writes organizations 0, 1, 2 and so on, printing
 * each once it is acknowledged. If opening fails, it prints the error.
 */
import { openDatabase } from '../src/open-database.js';

try {
  const { prisma } = await openDatabase({ dataDir: process.argv[2] ?? '' });
  for (let i = 0; ; i += 1) {
    await prisma.organization.create({ data: { id: `${i}`, name: 'o', slug: `${i}` } });
    process.stdout.write(`${i}\n`);
  }
} catch (error) {
  const { name, message } = error as Error;
  process.stdout.write(`${name}: ${message}\n`);
}
