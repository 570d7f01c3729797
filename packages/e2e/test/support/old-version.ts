import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCommand } from '@muster/testkit';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/**
 * The directory that caches built old versions by commit, because a build takes a minute. The directory is not below a
 * `node_modules` directory, in which TypeScript could not name the types of packages.
 */
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'muster-tests/old-versions');

/**
 * The packages that the API, the agent and the command line need, in the order in which they are built. The dashboard
 * is not built.
 */
const PACKAGES = ['contracts', 'directory-lock', 'db', 'client', 'api', 'agent', 'cli'].map(
  (name) => `@muster/${name}`,
);

/** Returns the commit of a version, which is a name in baselines.json or a revision of git. */
async function commitOf(version: string): Promise<string> {
  const commits = JSON.parse(await readFile(join(ROOT, 'docs/benchmarks/baselines.json'), 'utf8')) as {
    [version: string]: string;
  };
  return commits[version] ?? execFileSync('git', ['rev-parse', version], { cwd: ROOT, encoding: 'utf8' }).trim();
}

/** Returns why an old version cannot be built here, or null if it can be built. */
export async function whyUnavailable(version: string): Promise<string | null> {
  const commit = await commitOf(version);
  const { status } = spawnSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT });
  return status === 0 ? null : `commit ${commit} (${version}) is not in this clone: run "git fetch --unshallow"`;
}

/** An old version, built from its commit. */
export interface OldVersion {
  /** Returns the path of an app's main program. */
  mainOf(app: 'api' | 'agent' | 'cli'): string;
}

/** Builds an old version from git, unless an earlier run has built it. */
export async function buildOldVersion(version: string): Promise<OldVersion> {
  const commit = await commitOf(version);
  const directory = join(CACHE, commit);
  if (!existsSync(directory)) await build(commit, directory);
  return { mainOf: (app) => join(directory, `apps/${app}/dist/main.js`) };
}

async function build(commit: string, directory: string): Promise<void> {
  const unfinished = `${directory}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x', '-C', unfinished], { input: archive });
  await pnpm(unfinished, 'install', '--prefer-offline', '--frozen-lockfile');
  await pnpm(unfinished, '--filter', '@muster/db', 'run', 'generate');
  await pnpm(unfinished, ...PACKAGES.flatMap((name) => ['--filter', name]), 'run', 'build');
  await rename(unfinished, directory).catch(async (error: unknown) => {
    // Another test may have built this version in the meantime.
    if (!existsSync(directory)) throw error;
    await rm(unfinished, { recursive: true, force: true });
  });
}

async function pnpm(cwd: string, ...args: string[]): Promise<void> {
  const { packageManager } = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  // npx and pnpm must read the registry and the network settings from the configuration files and variables of this
  // machine.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS'));
  const program = startCommand(['npx', '-y', packageManager, '-C', cwd, ...args], {
    env: env as Record<string, string>,
  });
  const code = await program.ended;
  if (code !== 0)
    throw new Error(`pnpm ${args[0]} of ${cwd} ended with ${code}:\n${program.stdout()}${program.stderr()}`);
}
