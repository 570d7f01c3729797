/**
 * Where this package's files lie. The same path leads there from src (development, tests) and from dist (production).
 */
import { fileURLToPath } from 'node:url';

const inPackage = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const migrationsDirectory = inPackage('prisma/migrations');

export const schemaFile = inPackage('prisma/schema.prisma');

/** Where the package's build leaves the prepared dump. */
export const buildDirectory = inPackage('dist');

/** Where development and tests keep what costs seconds to make. */
export const cacheDirectory = inPackage('node_modules/.cache');
