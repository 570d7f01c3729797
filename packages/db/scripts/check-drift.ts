/**
 * Fails if the schema and the migrations differ. Features that Prisma cannot express (checks, fill factors, indexes on
 * expressions) are ignored.
 */
import { createSchemaCommand, diffMigrationsToSchema, type SchemaFiles } from './diff-migrations.js';

const files = createSchemaCommand('pnpm db:drift').parse().opts<SchemaFiles>();
const missing = await diffMigrationsToSchema(files);
if (missing === '') {
  console.log('The migrations match the schema.');
} else {
  console.error(`The schema and the migrations differ. "pnpm db:migration NAME" would write:\n\n${missing}`);
  process.exitCode = 1;
}
