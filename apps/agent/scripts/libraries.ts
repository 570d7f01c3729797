import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A shared library of this machine that the agent's executable needs. */
export interface Library {
  path: string;
  /** The Debian package that contains the library, with its license; null if dpkg does not know the file. */
  package: { name: string; version: string; license: string } | null;
}

/** The libraries that glibc before 2.34 loads only when it resolves names. `ldd` therefore does not list them. */
const NAME_RESOLUTION_LIBRARIES = ['libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2'];

/**
 * Returns the shared libraries that an executable of this machine's architecture loads, including the loader itself,
 * sorted by path. @throws Error if `ldd` fails or a library is missing.
 */
export function librariesOf(executable: string): Library[] {
  const output = execFileSync('ldd', [executable], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing !== null) throw new Error(`this machine lacks ${missing[1]}, which the agent’s executable needs`);
  const paths = [...output.matchAll(/(?:^|=>)\s+(\/\S+) \(0x/gm)].map(([, path]) => path!);
  const libc = paths.find((path) => /\/libc\.so\.\d+$/.test(path));
  if (libc === undefined) throw new Error('only machines with glibc can build the agent’s image');
  const additional = NAME_RESOLUTION_LIBRARIES.map((name) => join(dirname(libc), name)).filter((path) =>
    existsSync(path),
  );
  return [...new Set([...paths, ...additional])].sort().map((path) => ({ path, package: debianPackage(path) }));
}

function debianPackage(path: string): Library['package'] {
  // Debian 13 lists the files in /lib under /usr/lib, which is the same directory.
  for (const listed of [path, `/usr${path}`]) {
    try {
      const query = (...args: string[]): string =>
        execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const name = query('--search', listed).split(': ')[0]!;
      const [plainName, version] = query('--show', '--showformat=$' + '{Package} $' + '{Version}', name).split(' ');
      const license = realpathSync(`/usr/share/doc/${plainName}/copyright`);
      return { name: plainName!, version: version!, license };
    } catch {
      // The machine does not run Debian, dpkg knows the file by another path, or the documentation is not installed.
    }
  }
  return null;
}
