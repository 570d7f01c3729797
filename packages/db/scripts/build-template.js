/** The build's last step: an embedded database's files with all migrations applied, in dist. Runs what tsc just wrote. */
import { loadMigrations } from '../dist/migrations.js';
import { buildTemplate } from '../dist/template.js';

await buildTemplate(await loadMigrations());
