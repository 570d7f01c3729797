/**
 * A process of the tests: opens the embedded database of a directory and writes organizations 0, 1, 2 and so on, each
 * of which it prints once it is acknowledged; or prints the error that kept it from opening.
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
