/**
 * Fails if the schema and the migrations differ. Features that Prisma cannot express (checks, fill factors, indexes on
 * expressions) are ignored.
 */
import { diffMigrationsToSchema, parseSchemaArguments } from './diff-migrations.js';

const missing = await diffMigrationsToSchema(parseSchemaArguments().files);
if (missing === '') {
  console.log('The migrations match the schema.');
} else {
  console.error(`The schema and the migrations differ. "pnpm db:migration NAME" would write:\n\n${missing}`);
  process.exitCode = 1;
}
