/** Paths of this package's files, equal from src (development, tests) and from dist (production). */
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const migrationsDirectory = inPackage('prisma/migrations');

export const schemaFile = inPackage('prisma/schema.prisma');

/** Where the package's build writes the template. */
export const buildDirectory = inPackage('dist');

/** Where development and tests cache files that take seconds to make. */
export const cacheDirectory = inPackage('node_modules/.cache');
