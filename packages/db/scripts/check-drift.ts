/**
 * Fails where the schema and the migrations disagree. What a migration says in words that Prisma does not have (checks,
 * fill factors, indexes on expressions) is no disagreement.
 */
import { diffMigrationsToSchema, parseSchemaArguments } from './diff-migrations.js';

const missing = await diffMigrationsToSchema(parseSchemaArguments().files);
if (missing === '') {
  console.log('The migrations make what the schema describes.');
} else {
  console.error(`The schema has what no migration makes. "pnpm db:migration NAME" would write:\n\n${missing}`);
  process.exitCode = 1;
}
