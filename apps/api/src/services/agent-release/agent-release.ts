import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NotFoundError } from '../../errors.js';

/** Serves the agent release for download. */
export interface AgentReleaseService {
  /**
   * Returns the script that installs the agent. The script downloads from this API's configured public address, never
   * from an address in the request, and contains the checksums of the downloads.
   * @throws NotFoundError if this API has no release.
   */
  installScript(): Promise<string>;

  /**
   * Returns the path of a release file.
   * @throws NotFoundError if the release has no such file.
   */
  file(name: string): Promise<string>;
}

/** The files that the agent package's release command writes, except the install script. */
const RELEASE_FILES: ReadonlySet<string> = new Set([
  'muster-agent-linux-x64',
  'muster-agent-linux-arm64',
  'muster-agent.service',
  'muster-agent.openrc',
  'sbom.cdx.json',
  'SHA256SUMS',
]);

/** Matches the line of the install script that is replaced with this API's URL. */
const URL_LINE = /^MUSTER_URL_DEFAULT=.*$/m;

/** Matches the line of the install script that is replaced with the checksums of the release. */
const CHECKSUMS_LINE = /^CHECKSUMS=.*$/m;

/**
 * Creates the service for the release in `directory`. If there is no release, `directory` is null. `publicUrl` is
 * called for each script, because the URL may be unknown until the server listens.
 */
export function createAgentReleaseService(directory: string | null, publicUrl: () => string): AgentReleaseService {
  const pathOf = (name: string): string => {
    if (directory === null) throw new NotFoundError('agent release');
    return resolve(directory, name);
  };
  const read = (name: string): Promise<string> => readFile(pathOf(name), 'utf8').catch(throwNotFoundIfMissing);

  return {
    async installScript() {
      const [script, checksums] = await Promise.all([read('install.sh'), read('SHA256SUMS')]);
      return script
        .replace(URL_LINE, () => `MUSTER_URL_DEFAULT=${shellQuoted(publicUrl())}`)
        .replace(CHECKSUMS_LINE, () => `CHECKSUMS=${shellQuoted(checksums.trim())}`);
    },

    async file(name) {
      if (!RELEASE_FILES.has(name)) throw new NotFoundError('agent release file');
      const path = pathOf(name);
      await stat(path).catch(throwNotFoundIfMissing);
      return path;
    },
  };
}

function throwNotFoundIfMissing(error: NodeJS.ErrnoException): never {
  if (error.code === 'ENOENT') throw new NotFoundError('agent release');
  throw error;
}

/** Quotes a text as one word for a POSIX shell. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
