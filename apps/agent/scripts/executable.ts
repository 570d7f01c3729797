import { open } from 'node:fs/promises';

/** The kinds of machine that a release is made for. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** What an ELF header calls them (e_machine: EM_X86_64, EM_AARCH64). */
const ELF_MACHINES: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 };

/** The file is no program for the machine that it was made for. */
export class WrongExecutableError extends Error {}

/**
 * Sees by its header that the file is an executable for Linux on such a machine: all that can be known of one that
 * cannot be run here.
 * @throws WrongExecutableError
 */
export async function checkExecutable(path: string, arch: Architecture): Promise<void> {
  const file = await open(path);
  try {
    const header = Buffer.alloc(20);
    await file.read(header, 0, header.length, 0);
    const isElf64 = header.subarray(0, 6).equals(Buffer.from('\x7fELF\x02\x01', 'latin1'));
    const [type, machine] = [header.readUInt16LE(16), header.readUInt16LE(18)];
    // A program that is loaded at a fixed place (ET_EXEC), or at any (ET_DYN).
    if (isElf64 && (type === 2 || type === 3) && machine === ELF_MACHINES[arch]) return;
    throw new WrongExecutableError(`${path} is no executable for linux-${arch}`);
  } finally {
    await file.close();
  }
}
