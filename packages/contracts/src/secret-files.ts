/** The functions of `node:fs` that read a file. Callers pass them, because the contracts also run in browsers. */
export interface FileFunctions {
  openSync(path: string, flags: 'r'): number;
  readSync(descriptor: number, buffer: Uint8Array): number;
  closeSync(descriptor: number): void;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The maximum size of a file with a secret. */
const SECRET_FILE_BYTES_MAX = 64 * 1024;

/**
 * Reads secrets from files. If NAME_FILE is set, it is the path of a file, and the file's content without a final line
 * break becomes the value of NAME. Returns all variables that are not empty, including each NAME, and one line per
 * problem. No problem contains a file's content.
 */
export function readSecretFiles(
  source: Variables,
  names: readonly string[],
  files: FileFunctions,
): { values: Record<string, string>; problems: string[] } {
  const values = Object.fromEntries(
    Object.entries(source).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
  const problems: string[] = [];
  for (const name of names) {
    const variable = `${name}_FILE`;
    const path = values[variable];
    if (path === undefined) continue;
    if (values[name] !== undefined) {
      problems.push(`${name} and ${variable} are both set: unset one of them`);
      continue;
    }
    const read = readSecret(path, files);
    if ('problem' in read) problems.push(`${variable} ${read.problem}`);
    else values[name] = read.secret;
  }
  return { values, problems };
}

function readSecret(path: string, files: FileFunctions): { secret: string } | { problem: string } {
  let descriptor: number;
  try {
    descriptor = files.openSync(path, 'r');
  } catch (error) {
    // The value may be the secret itself, so it is not printed.
    return { problem: `must be the path of a readable file that contains the secret${reasonOf(error)}` };
  }
  try {
    const content = readStart(descriptor, SECRET_FILE_BYTES_MAX + 1, files);
    if (content.length > SECRET_FILE_BYTES_MAX) return { problem: `names ${path}, which is larger than 64 KiB` };
    const secret = new TextDecoder('utf-8', { fatal: true }).decode(content).replace(/\r?\n$/, '');
    return secret === '' ? { problem: `names ${path}, which is empty` } : { secret };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { problem: `names ${path}, which is not UTF-8 text` };
    return { problem: `names ${path}, which cannot be read${reasonOf(error)}` };
  } finally {
    files.closeSync(descriptor);
  }
}

/** Returns only the operating system's description of an error, as the end of a sentence. */
function reasonOf(error: unknown): string {
  const reason = /^E[A-Z0-9]+: ([a-z -]+), (open|read)\b/.exec((error as Error).message)?.[1];
  return reason === undefined ? '' : `: ${reason}`;
}

/** Reads a file, which may be a pipe, but not more than `bytesMax` bytes. */
function readStart(descriptor: number, bytesMax: number, files: FileFunctions): Uint8Array {
  const buffer = new Uint8Array(bytesMax);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytesMax; length += read) {
    read = files.readSync(descriptor, buffer.subarray(length));
  }
  return buffer.subarray(0, length);
}
