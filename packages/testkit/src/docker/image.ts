import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What the tests' containers run. */
const APPLETS = ['sh', 'sleep', 'true', 'false', 'test', 'touch', 'rm', 'httpd', 'cat', 'echo', 'nc'];

const run = promisify(execFile);

/** A root file system as a tar archive: the machine's static busybox under the names of its applets, made in `dir`. */
export async function busyboxImageTar(dir: string): Promise<Buffer> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  await mkdir(join(dir, 'tmp'));
  const { stdout: path } = await run('sh', ['-c', 'command -v busybox']);
  await copyFile(path.trim(), join(dir, 'bin', 'busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(dir, 'bin', applet));
  const { stdout } = await run('tar', ['-C', dir, '-cf', '-', '.'], {
    encoding: 'buffer',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
