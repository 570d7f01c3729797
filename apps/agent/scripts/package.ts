/**
 * Builds the agent's release in `release/`: one self-contained executable with Node.js for each architecture, the
 * systemd unit, the OpenRC service script, the installer script, a bill of materials, and the checksums of all these
 * files.
 *
 *   npx -y pnpm@12.21.0 --filter @muster/agent package [--out DIR] [x64] [arm64]
 *
 * The script copies Node's executable. For this machine's architecture, it copies the executable that runs the script.
 * For the other architecture, it downloads the same version of Node.js from npm (the package `node-linux-ARCH`) and
 * checks it against the hash in `node-archives.ts`. An executable for the other architecture cannot be tested on this
 * machine.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUSTER_VERSION } from '@muster/contracts';
import { Argument, Command } from 'commander';
import { inject } from 'postject';
import { billOfMaterials } from './bill-of-materials.js';
import { bundleAgent } from './bundle.js';
import { ARCHITECTURES, checkExecutable, type Architecture } from './executable.js';
import { archiveHash, checkArchive, receivesSecurityFixes } from './node-archives.js';

const PACKAGE_DIRECTORY = fileURLToPath(new URL('..', import.meta.url));

/**
 * The marker that Node.js uses to find an embedded application ("Single executable applications" in its documentation).
 */
const SEA_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Builds the blob that Node.js loads from its own executable. The blob contains the agent as one JavaScript file. */
async function createBlob(workDir: string): Promise<Buffer> {
  const main = join(workDir, 'muster-agent.cjs');
  await bundleAgent(main, 'cjs');
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
  execFileSync('tar', ['-xzf', join(workDir, archive.filename), '-C', workDir, 'package/bin/node']);
  return join(workDir, 'package/bin/node');
}

async function checksumLine(release: string, name: string): Promise<string> {
  return `${createHash('sha256')
    .update(await readFile(join(release, name)))
    .digest('hex')}  ${name}\n`;
}

const program = new Command('package')
  .addArgument(new Argument('[architecture...]').choices(ARCHITECTURES).default(ARCHITECTURES))
  .option('--out <directory>', 'directory in which the release is built', join(PACKAGE_DIRECTORY, 'release'))
  .parse(
    process.argv.slice(2).filter((argument) => argument !== '--'),
    { from: 'user' },
  );
const [architectures] = program.processedArgs as [readonly Architecture[]];
const release = resolve(program.opts<{ out: string }>().out);
if (!receivesSecurityFixes(process.versions.node)) {
  const advice = 'build with Node.js 24 instead';
  process.stderr.write(
    `this release contains Node.js ${process.versions.node}, which no longer receives security fixes: ${advice}\n`,
  );
}

const workDir = await mkdtemp(join(tmpdir(), 'muster-agent-package-'));
try {
  await rm(release, { recursive: true, force: true });
  await mkdir(release, { recursive: true });
  const blob = await createBlob(workDir);
  const fileNames: string[] = [];
  for (const arch of architectures) {
    const name = `muster-agent-linux-${arch}`;
    const path = join(release, name);
    await copyFile(await nodeExecutable(arch, workDir), path);
    await chmod(path, 0o755);
    await inject(path, 'NODE_SEA_BLOB', blob, { sentinelFuse: SEA_FUSE });
    await checkExecutable(path, arch);
    fileNames.push(name);
  }
  for (const name of ['install.sh', 'muster-agent.service', 'muster-agent.openrc']) {
    await copyFile(join(PACKAGE_DIRECTORY, 'packaging', name), join(release, name));
    fileNames.push(name);
  }
  await writeFile(join(release, 'sbom.cdx.json'), await billOfMaterials(MUSTER_VERSION));
  fileNames.push('sbom.cdx.json');
  await writeFile(
    join(release, 'SHA256SUMS'),
    (await Promise.all(fileNames.map((name) => checksumLine(release, name)))).join(''),
  );
  process.stdout.write(`${release}: ${fileNames.join(', ')}\n`);
} finally {
  await rm(workDir, { recursive: true });
}
