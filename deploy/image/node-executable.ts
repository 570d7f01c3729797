import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { archiveHash, checkArchive } from '../../apps/agent/scripts/node-archives.js';

/** The version of Node.js in the image's tests and in the agent's release that the image contains. */
export const NODE_VERSION = '24.21.0';

/**
 * Downloads Node.js from npm for this machine's architecture, and returns the path of the executable in `directory`.
 * @throws UnknownArchiveError if npm's archive does not have the hash in the repository.
 */
export async function downloadNode(directory: string): Promise<string> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const pack = ['pack', `node-linux-${arch}@${NODE_VERSION}`, '--json', '--prefer-offline', '--loglevel=error'];
  const output = execFileSync('npm', [...pack, '--pack-destination', directory], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 16 * 1024 * 1024,
  });
  const [{ filename }] = JSON.parse(output) as [{ filename: string }];
  const archive = join(directory, filename);
  await checkArchive(archive, archiveHash(NODE_VERSION, arch));
  execFileSync('tar', ['-xzf', archive, '-C', directory, 'package/bin/node']);
  await rm(archive);
  return join(directory, 'package/bin/node');
}
