/** Last step of the build: writes an embedded database with all migrations applied to dist. Runs the output of tsc. */
import { loadMigrations } from '../dist/migrations.js';
import { buildTemplate } from '../dist/template.js';

await buildTemplate(await loadMigrations());
