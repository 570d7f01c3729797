/**
 * Builds the agent's release in `release/`: one self-contained executable with Node.js for each architecture, the image
 * for this machine's architecture, the service files, the installer script, a bill of materials, and the checksums of
 * all these files.
 *
 *   npx -y pnpm@12.21.0 --filter @muster/agent package [--out DIR] [x64] [arm64]
 *
 * The script copies Node's executable. For this machine's architecture, it copies the executable that runs the script.
 * For the other architecture, it downloads the same version of Node.js from npm (the package `node-linux-ARCH`) and
 * checks it against the hash in `node-archives.ts`. An executable for the other architecture cannot be tested on this
 * machine, and its image cannot be built here, because the image contains libraries of the machine.
 *
 * The release is built in another directory, which then replaces the earlier release. Several runs of this script at
 * the same time are allowed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { MUSTER_VERSION } from '@muster/contracts';
import { Argument, Command } from 'commander';
import { inject } from 'postject';
import { writeImage } from './agent-image.js';
import { billOfMaterials } from './bill-of-materials.js';
import { bundleAgent } from './bundle.js';
import { ARCHITECTURES, checkExecutable, type Architecture } from './executable.js';
import { librariesOf, type Library } from './libraries.js';
import { archiveHash, checkArchive, receivesSecurityFixes } from './node-archives.js';
import { hashInputs, INPUTS_FILE } from './release-inputs.js';
import { deleteAbandoned, partialDirectory, replaceDirectory } from './replace-directory.js';

const PACKAGE_DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/** The files of `packaging/` that are part of a release. */
const PACKAGING_FILES = [
  'install.sh',
  'muster-agent.service',
  'muster-agent.openrc',
  'muster-agent-update.service',
  'muster-agent-update.timer',
];

/**
 * The marker that Node.js uses to find an embedded application ("Single executable applications" in its documentation).
 */
const SEA_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Builds the blob that Node.js loads from its own executable. The blob contains the agent as one JavaScript file. */
async function createBlob(main: string, workDir: string): Promise<Buffer> {
  const [config, output] = [join(workDir, 'sea.json'), join(workDir, 'muster-agent.blob')];
  // The blob contains no code cache, because the same blob is used for every architecture.
  await writeFile(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  return readFile(output);
}

/**
 * Returns the path of Node's executable for `arch`, in the version that runs this script.
 * @throws UnknownArchiveError if npm's archive does not have the hash in the repository.
 */
async function nodeExecutable(arch: Architecture, workDir: string): Promise<string> {
  if (process.platform === 'linux' && process.arch === arch) return process.execPath;
  const name = `node-linux-${arch}`;
  const hash = archiveHash(process.versions.node, arch);
  const [archive] = JSON.parse(
    execFileSync('npm', ['pack', `${name}@${process.versions.node}`, '--json', '--pack-destination', workDir], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as [{ filename: string }];
  await checkArchive(join(workDir, archive.filename), hash);
  const directory = join(workDir, arch);
  await mkdir(directory);
  execFileSync('tar', ['-xzf', join(workDir, archive.filename), '-C', directory, 'package/bin/node']);
  return join(directory, 'package/bin/node');
}

async function checksumLine(release: string, name: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(join(release, name)), hash);
  return `${hash.digest('hex')}  ${name}\n`;
}

/** Returns the architectures to build. `named` are the architectures on the command line. */
function chooseArchitectures(named: readonly Architecture[]): readonly Architecture[] {
  if (named.length > 0) return named;
  if (options.ifChanged !== true) return ARCHITECTURES;
  const own = ARCHITECTURES.find((arch) => arch === process.arch);
  if (own === undefined) throw new Error(`there is no agent for ${process.arch}`);
  return [own];
}

/**
 * Returns the architectures to build, with Node's executables. With `--if-changed`, an architecture of the earlier
 * release stays part of the release, unless its Node.js cannot be downloaded.
 */
async function findNodeExecutables(earlier: string, workDir: string): Promise<Map<Architecture, string>> {
  const executables = new Map<Architecture, string>();
  for (const arch of ARCHITECTURES) {
    if (requested.includes(arch)) {
      executables.set(arch, await nodeExecutable(arch, workDir));
    } else if (options.ifChanged === true && hasExecutable(earlier, arch)) {
      const executable = await nodeExecutable(arch, workDir).catch((error: unknown) => {
        process.stderr.write(`the release no longer has an executable for ${arch}: ${(error as Error).message}\n`);
        return null;
      });
      if (executable !== null) executables.set(arch, executable);
    }
  }
  return executables;
}

const hasExecutable = (checksums: string, arch: Architecture): boolean =>
  checksums.includes(`  muster-agent-linux-${arch}\n`);

/** Reads a file of the earlier release. Resolves with an empty text if there is none. */
const readEarlier = (name: string): Promise<string> => readFile(join(release, name), 'utf8').catch(() => '');

/** Builds a release in `directory`. */
async function buildRelease(directory: string, blob: Buffer, workDir: string): Promise<void> {
  const fileNames: string[] = [];
  let libraries: Library[] = [];
  for (const [arch, node] of await findNodeExecutables(await readEarlier('SHA256SUMS'), workDir)) {
    const name = `muster-agent-linux-${arch}`;
    const path = join(directory, name);
    const isNative = process.platform === 'linux' && process.arch === arch;
    await copyFile(node, path);
    await chmod(path, 0o755);
    await inject(path, 'NODE_SEA_BLOB', blob, { sentinelFuse: SEA_FUSE });
    await checkExecutable(path, arch);
    fileNames.push(name);
    if (!isNative) continue;
    try {
      libraries = librariesOf(path);
    } catch (error) {
      process.stderr.write(`the release has no image: ${(error as Error).message}\n`);
      continue;
    }
    const image = `muster-agent-image-linux-${arch}.tar`;
    const options = { arch, version: MUSTER_VERSION, executable: path, libraries, workDir };
    await writeImage(join(directory, image), options);
    fileNames.push(image);
  }
  for (const name of PACKAGING_FILES) {
    await copyFile(join(PACKAGE_DIRECTORY, 'packaging', name), join(directory, name));
    fileNames.push(name);
  }
  await writeFile(join(directory, 'sbom.cdx.json'), await billOfMaterials(MUSTER_VERSION, libraries));
  fileNames.push('sbom.cdx.json');
  const checksums = await Promise.all(fileNames.map((name) => checksumLine(directory, name)));
  await writeFile(join(directory, 'SHA256SUMS'), checksums.join(''));
}

/** Returns whether `release` was built from the same inputs and contains all requested architectures. */
async function isCurrent(inputs: string): Promise<boolean> {
  const [hash, checksums] = await Promise.all([readEarlier(INPUTS_FILE), readEarlier('SHA256SUMS')]);
  return hash === inputs && requested.every((arch) => hasExecutable(checksums, arch));
}

const program = new Command('package')
  .addArgument(new Argument('[architecture...]', 'default: both').choices(ARCHITECTURES))
  .option('--out <directory>', 'directory in which the release is built', join(PACKAGE_DIRECTORY, 'release'))
  .option(
    '--if-changed',
    'build nothing if nothing has changed since the earlier release; by default, only for this machine’s architecture',
  )
  .parse(
    process.argv.slice(2).filter((argument) => argument !== '--'),
    { from: 'user' },
  );
const options = program.opts<{ out: string; ifChanged?: true }>();
const release = resolve(options.out);
const requested = chooseArchitectures(program.args as Architecture[]);

const workDir = await mkdtemp(join(tmpdir(), 'muster-agent-package-'));
try {
  const bundle = join(workDir, 'muster-agent.cjs');
  await bundleAgent(bundle, 'cjs');
  const inputs = await hashInputs(PACKAGE_DIRECTORY, bundle);
  if (options.ifChanged !== true || !(await isCurrent(inputs))) {
    if (!receivesSecurityFixes(process.versions.node)) {
      const advice = 'build with Node.js 24 instead';
      process.stderr.write(
        `this release contains Node.js ${process.versions.node}, which no longer receives security fixes: ${advice}\n`,
      );
    }
    await mkdir(dirname(release), { recursive: true });
    await deleteAbandoned(release);
    const directory = partialDirectory(release);
    try {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory);
      await buildRelease(directory, await createBlob(bundle, workDir), workDir);
      await writeFile(join(directory, INPUTS_FILE), inputs);
      await replaceDirectory(directory, release);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    process.stdout.write(`${release}: ${(await readdir(release)).join(', ')}\n`);
  }
} finally {
  await rm(workDir, { recursive: true });
}
