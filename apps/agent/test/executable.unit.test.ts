import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ARCHITECTURES, WrongExecutableError, checkExecutable } from '../scripts/executable.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-executable-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Writes a file with the header of a program. `type` and `machine` are numbers from the ELF standard. */
async function program(type: number, machine: number, ident = '\x7fELF\x02\x01\x01'): Promise<string> {
  const header = Buffer.alloc(64);
  header.write(ident, 'latin1');
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  const path = join(dir, 'program');
  await writeFile(path, header);
  return path;
}

test('an executable passes the check only for its architecture', async () => {
  const own = ARCHITECTURES.find((arch) => arch === process.arch);
  for (const arch of ARCHITECTURES) {
    const checked = checkExecutable(process.execPath, arch);
    await (arch === own ? checked : expect(checked).rejects.toThrow(WrongExecutableError));
  }
});

test.each([
  ['a program for arm64', 2, 0xb7, true],
  ['a position-independent program for arm64', 3, 0xb7, true],
  ['a program for x64', 2, 0x3e, false],
  ['a program for 32-bit ARM', 2, 0x28, false],
  ['an object file for arm64', 1, 0xb7, false],
])('%s (type %i, machine %i): passes the check for arm64: %s', async (_, type, machine, isValid) => {
  const checked = checkExecutable(await program(type, machine), 'arm64');
  await (isValid ? checked : expect(checked).rejects.toThrow('is not an executable for linux-arm64'));
});

test.each([
  ['a script', '#!/bin/sh'],
  ['a Windows program', 'MZ'],
  ['a 32-bit ELF file', '\x7fELF\x01\x01'],
])('%s does not pass the check', async (_, ident) => {
  await expect(checkExecutable(await program(2, 0xb7, ident), 'arm64')).rejects.toThrow(WrongExecutableError);
});
