/**
 * Builds the image of the server from this checkout. Writes the files of the image, and then builds the target
 * `prebuilt` of the Dockerfile, which only copies them.
 *
 *   npx -y pnpm@12.21.0 image [--base IMAGE] [--tag NAME]
 *   npx -y pnpm@12.21.0 image --out DIR                    only writes the files
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { downloadNode, NODE_VERSION } from './node-executable.js';
import { writeServerFiles } from './server-files.js';

const IMAGE_DIRECTORY = fileURLToPath(new URL('.', import.meta.url));
const ROOT = resolve(IMAGE_DIRECTORY, '../..');

/** Runs a command. Its output goes to standard error. */
function run(command: string, args: readonly string[], cwd = ROOT): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
}

/** Writes the content of the image's directory `/muster` to `directory`, which must not exist. */
async function writeFiles(directory: string, workDirectory: string): Promise<void> {
  await writeServerFiles(directory);
  // The agent's executables contain the Node.js that runs this command.
  const node = process.versions.node === NODE_VERSION ? process.execPath : await downloadNode(workDirectory);
  const packageRelease = ['--conditions=@muster/source', '--import', 'tsx', 'scripts/package.ts'];
  run(node, [...packageRelease, '--out', join(directory, 'agent-release')], join(ROOT, 'apps/agent'));
  // All users can read the files, regardless of this machine's umask.
  run('chmod', ['-R', 'u=rwX,go=rX', directory]);
}

const program = new Command('image')
  .option('--base <image>', 'the image with Node.js 24 on which the image is built')
  .option('--tag <name>', 'the name of the image', 'muster')
  .option('--out <directory>', 'only write the files of the image to this directory, which must not exist')
  .parse(
    process.argv.slice(2).filter((argument) => argument !== '--'),
    { from: 'user' },
  );
const { base, tag, out } = program.opts<{ base?: string; tag: string; out?: string }>();
const workDirectory = await mkdtemp(join(tmpdir(), 'muster-image-'));
try {
  const directory = out === undefined ? join(workDirectory, 'muster') : resolve(out);
  await writeFiles(directory, workDirectory);
  if (out === undefined) {
    const baseArgument = base === undefined ? [] : ['--build-arg', `BASE=${base}`];
    const file = ['--file', join(IMAGE_DIRECTORY, 'Dockerfile'), '--target', 'prebuilt'];
    run('docker', ['build', ...file, ...baseArgument, '--tag', tag, directory]);
    const size = execFileSync('docker', ['image', 'inspect', '--format', '{{.Size}}', tag], { encoding: 'utf8' });
    process.stdout.write(`${tag}: ${Math.round(Number(size) / 1e6)} MB\n`);
  }
} finally {
  await rm(workDirectory, { recursive: true, force: true });
}
