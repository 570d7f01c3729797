/** Directories, migration folders and rows that several suites of this package use. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Database, DatabaseEngine } from '../src/database.js';
import { openDatabase, type DatabaseOptions } from '../src/open-database.js';
import { createEmptyServerDatabase, PATIENT } from '../src/testing.js';

/** Creates a directory. Also returns a function that deletes it. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'muster-db-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Writes a folder of migrations, given by name and SQL. */
export async function writeMigrations(directory: string, migrations: Record<string, string>): Promise<void> {
  for (const [name, sql] of Object.entries(migrations)) {
    await mkdir(join(directory, name), { recursive: true });
    await writeFile(join(directory, name, 'migration.sql'), sql);
  }
}

/** A database without migrations, which can be opened several times. */
export interface EmptyDatabase {
  open(options?: DatabaseOptions): Promise<Database>;
  remove(): Promise<void>;
  /** The directory of an embedded database, which the first `open` creates. Null on a server. */
  readonly dataDir: string | null;
}

export async function emptyDatabase(engine: DatabaseEngine): Promise<EmptyDatabase> {
  if (engine === 'postgresql') {
    const { url, drop } = await createEmptyServerDatabase();
    return { open: (options) => openDatabase({ url }, { ...PATIENT, ...options }), remove: drop, dataDir: null };
  }
  const { path, remove } = await temporaryDirectory();
  const dataDir = join(path, 'data');
  return { open: (options) => openDatabase({ dataDir }, options), remove, dataDir };
}

/** Returns the error of a promise that must reject. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('The promise did not reject.');
}

/** Creates an organization with one host, and returns the host's id. */
export async function createHost({ prisma }: Database, engineId = 'engine-1'): Promise<string> {
  await prisma.organization.upsert({
    where: { id: 'org' },
    create: { id: 'org', name: 'Org', slug: 'org' },
    update: {},
  });
  const host = await prisma.host.create({
    data: {
      organizationId: 'org',
      name: 'host',
      engineId,
      engineName: 'Docker Engine',
      engineVersion: '28.5.2',
      engineApiVersion: '1.51',
      os: 'linux',
      arch: 'amd64',
      agentVersion: '0.1.0',
      enrolledAt: new Date(),
    },
  });
  return host.id;
}

/** Returns the values of a container's row. */
export function container(hostId: string, dockerId: string) {
  const now = new Date();
  return {
    hostId,
    organizationId: 'org',
    dockerId,
    name: dockerId,
    image: 'busybox',
    command: '',
    state: 'running',
    status: 'Up 5 minutes',
    ports: [],
    labels: {},
    digest: 'd',
    firstSeenAt: now,
    changedAt: now,
  };
}
