/**
 * Last step of the build, after tsc: creates an embedded database, applies all migrations to it, and writes a dump of
 * it into dist.
 */
import { loadMigrations } from '../dist/migrations.js';
import { buildTemplate } from '../dist/template.js';

await buildTemplate(await loadMigrations());
