/** The paths of this package's files. They are correct both in src (development, tests) and in dist (production). */
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const migrationsDirectory = inPackage('prisma/migrations');

export const schemaFile = inPackage('prisma/schema.prisma');

/** The directory to which the package's build writes the template. */
export const buildDirectory = inPackage('dist');

/** The directory in which development and tests cache files that take seconds to create. */
export const cacheDirectory = inPackage('node_modules/.cache');
