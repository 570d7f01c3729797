/**
 * The template is a dump of an embedded database with all migrations applied. Unpacking a template takes one second,
 * and creating a database without it takes six seconds. The build writes a template to dist. If dist has no template,
 * tests cache one in node_modules/.cache.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

import { PGlite } from '@electric-sql/pglite';
import { makeDirectory } from '@muster/directory-lock';

import { applyMigrations } from './apply-migrations.js';
import { EMBEDDED_EXTENSIONS } from './embedded-database.js';
import { createEmbeddedPool } from './embedded-pool.js';
import type { Migration } from './migrations.js';
import { buildDirectory, cacheDirectory } from './package-paths.js';

const TEMPLATE_PREFIX = 'muster-template-';

async function pgliteVersion(): Promise<string> {
  // PGlite's manifest is found through this extension, because the package does not export its manifest, and tests
  // replace its main module.
  const extension = createRequire(import.meta.url).resolve('@electric-sql/pglite/contrib/pg_trgm');
  const manifest = await readFile(join(dirname(extension), '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Returns the id of a template, which identifies PGlite's version and the migrations. */
export async function templateId(migrations: readonly Migration[]): Promise<string> {
  const hash = createHash('sha256').update(await pgliteVersion());
  for (const { name, checksum } of migrations) hash.update(`\n${name} ${checksum}`);
  return hash.digest('hex').slice(0, 32);
}

/** Returns a template's file name. A template is used only if its file name matches exactly. */
async function templateName(migrations: readonly Migration[]): Promise<string> {
  return `${TEMPLATE_PREFIX}${await templateId(migrations)}.tar.gz`;
}

async function makeTemplate(migrations: readonly Migration[]): Promise<Buffer> {
  const pglite = await PGlite.create({ extensions: EMBEDDED_EXTENSIONS });
  try {
    const pool = createEmbeddedPool(pglite);
    try {
      const client = await pool.connect();
      try {
        await applyMigrations(client, migrations);
        await client.query('CHECKPOINT');
      } finally {
        client.release();
      }
    } finally {
      await pool.end();
    }
    const dump = await pglite.dumpDataDir('none');
    return Buffer.from(await dump.arrayBuffer());
  } finally {
    await pglite.close();
  }
}

async function writeTemplate(directory: string, name: string, tar: Buffer): Promise<void> {
  await makeDirectory(directory);
  const unfinished = join(directory, `${name}.${randomUUID()}`);
  await writeFile(unfinished, await promisify(gzip)(tar));
  await rename(unfinished, join(directory, name));
}

/**
 * Finds the template with these migrations. If there is none, finds the template with as many of the first migrations
 * as possible. The remaining migrations are then applied when the database is opened. Returns null if no template is
 * found.
 */
export async function findTemplate(migrations: readonly Migration[]): Promise<Blob | null> {
  for (let count = migrations.length; count >= 0; count -= 1) {
    const dump = await readTemplate(await templateName(migrations.slice(0, count)));
    if (dump !== null) return dump;
  }
  return null;
}

async function readTemplate(name: string): Promise<Blob | null> {
  for (const directory of [buildDirectory, cacheDirectory]) {
    try {
      // Node's gunzip takes a tenth of a second, while PGlite's takes most of a second.
      return new Blob([new Uint8Array(await promisify(gunzip)(await readFile(join(directory, name))))]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return null;
}

/**
 * Writes the template into `dist`.
 *
 * @public called by scripts/build-template.js, which imports it from dist.
 */
export async function buildTemplate(migrations: readonly Migration[]): Promise<void> {
  const name = await templateName(migrations);
  await writeTemplate(buildDirectory, name, await makeTemplate(migrations));
  const outdated = (await readdir(buildDirectory)).filter((file) => file.startsWith(TEMPLATE_PREFIX) && file !== name);
  await Promise.all(outdated.map((file) => rm(join(buildDirectory, file), { force: true })));
}

/**
 * Returns the template, and creates and caches it if it is missing. Two concurrent processes may each create a
 * template, and either template is valid.
 */
export async function cachedTemplate(migrations: readonly Migration[]): Promise<Blob> {
  const name = await templateName(migrations);
  const found = await readTemplate(name);
  if (found !== null) return found;
  const tar = await makeTemplate(migrations);
  await writeTemplate(cacheDirectory, name, tar);
  return new Blob([new Uint8Array(tar)]);
}
