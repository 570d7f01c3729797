import { open } from 'node:fs/promises';

/** The architectures that a release supports. */
export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** The number of each architecture in an ELF header (e_machine: EM_X86_64, EM_AARCH64). */
const ELF_MACHINES: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 };

/** Thrown if a file is not an executable for the expected architecture. */
export class WrongExecutableError extends Error {}

/**
 * Checks that the file has the header of a Linux executable for `arch`. This is the only possible check for an
 * executable that this machine cannot run.
 * @throws WrongExecutableError
 */
export async function checkExecutable(path: string, arch: Architecture): Promise<void> {
  const file = await open(path);
  try {
    const header = Buffer.alloc(20);
    await file.read(header, 0, header.length, 0);
    const isElf64 = header.subarray(0, 6).equals(Buffer.from('\x7fELF\x02\x01', 'latin1'));
    const [type, machine] = [header.readUInt16LE(16), header.readUInt16LE(18)];
    // ET_EXEC (fixed address) or ET_DYN (any address).
    if (isElf64 && (type === 2 || type === 3) && machine === ELF_MACHINES[arch]) return;
    throw new WrongExecutableError(`${path} is not an executable for linux-${arch}`);
  } finally {
    await file.close();
  }
}
