import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Architecture } from './executable.js';

/**
 * SHA-512 of npm's archives `node-linux-ARCH@VERSION`, in base64, as `npm view node-linux-ARCH@VERSION dist.integrity`
 * prints it. The hashes are pinned here so that a release never contains an unreviewed Node.js, even if a registry or a
 * proxy returns a different archive on the day of the build.
 */
const NODE_ARCHIVES: Readonly<Record<string, Readonly<Record<Architecture, string>>>> = {
  '20.20.2': {
    x64: 'PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
    arm64: 'LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  },
  '22.23.3': {
    x64: 'qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==',
    arm64: 'l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==',
  },
  '24.21.0': {
    x64: '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    arm64: 'FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/** The oldest release line of Node.js that receives security fixes. Node.js 20 has received none since April 2026. */
const MAINTAINED_MAJOR_MIN = 22;

/** Returns whether the release line of a version still receives security fixes. */
export const receivesSecurityFixes = (version: string): boolean => Number.parseInt(version, 10) >= MAINTAINED_MAJOR_MIN;

/** Thrown if an archive does not have the hash in this repository, or if the repository has no hash for the archive. */
export class UnknownArchiveError extends Error {}

/**
 * Returns the expected SHA-512 of the archive with this version of Node.js, in base64.
 * @throws UnknownArchiveError for a version that `NODE_ARCHIVES` lacks.
 */
export function archiveHash(version: string, arch: Architecture): string {
  const hash = NODE_ARCHIVES[version]?.[arch];
  if (hash !== undefined) return hash;
  throw new UnknownArchiveError(
    `no hash is known for Node.js ${version} for ${arch}: build with ${Object.keys(NODE_ARCHIVES).join(', ')}, or add ` +
      'the hash to apps/agent/scripts/node-archives.ts',
  );
}

/**
 * Checks that a file has the expected SHA-512 (base64).
 * @throws UnknownArchiveError if the hash is different.
 */
export async function checkArchive(path: string, hash: string): Promise<void> {
  const actual = createHash('sha512');
  await pipeline(createReadStream(path), actual);
  if (actual.digest('base64') === hash) return;
  throw new UnknownArchiveError(`${path} does not have the hash in apps/agent/scripts/node-archives.ts`);
}
