/**
 * A helper process. Opens the embedded database of a directory, and writes organizations 0, 1, 2 and so on. Prints each
 * number once the write is acknowledged. If the database cannot be opened, prints the error. It uses the built package,
 * which starts faster than the sources.
 */
import { openDatabase } from '@muster/db';

try {
  const { prisma } = await openDatabase({ dataDir: process.argv[2] ?? '' });
  for (let i = 0; ; i += 1) {
    await prisma.organization.create({ data: { id: `${i}`, name: 'o', slug: `${i}` } });
    process.stdout.write(`${i}\n`);
  }
} catch (error) {
  process.stdout.write(`${error.name}: ${error.message}\n`);
}
