import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NotFoundError } from '../../errors.js';

/** The agent's release as this API hands it out. */
export interface AgentReleaseService {
  /**
   * The script that installs the agent: it fetches from this API's public address, which is never what a request says
   * of itself, and holds the checksums of what it fetches.
   * @throws NotFoundError where this API has no release to hand out.
   */
  installScript(): Promise<string>;

  /** Where a file of the release is. @throws NotFoundError for any other name. */
  file(name: string): Promise<string>;
}

/** What a release holds beside the script; the package's own command writes the same. */
const FILES: ReadonlySet<string> = new Set([
  'muster-agent-linux-x64',
  'muster-agent-linux-arm64',
  'muster-agent.service',
  'sbom.cdx.json',
  'SHA256SUMS',
]);

/** The lines in the script whose place this API's values take. */
const URL_LINE = /^MUSTER_URL_DEFAULT=.*$/m;
const CHECKSUMS_LINE = /^CHECKSUMS=.*$/m;

/** The release in `directory` (null: there is none); `publicUrl` is asked at each script, for it may not be known before the port is. */
export function createAgentReleaseService(directory: string | null, publicUrl: () => string): AgentReleaseService {
  const pathOf = (name: string): string => {
    if (directory === null) throw new NotFoundError('agent release here');
    return resolve(directory, name);
  };
  const read = (name: string): Promise<string> => readFile(pathOf(name), 'utf8').catch(missing);

  return {
    async installScript() {
      const [script, checksums] = await Promise.all([read('install.sh'), read('SHA256SUMS')]);
      return script
        .replace(URL_LINE, () => `MUSTER_URL_DEFAULT=${shellQuoted(publicUrl())}`)
        .replace(CHECKSUMS_LINE, () => `CHECKSUMS=${shellQuoted(checksums.trim())}`);
    },

    async file(name) {
      if (!FILES.has(name)) throw new NotFoundError('file of the agent’s release');
      const path = pathOf(name);
      await stat(path).catch(missing);
      return path;
    },
  };
}

function missing(error: NodeJS.ErrnoException): never {
  if (error.code === 'ENOENT') throw new NotFoundError('agent release here');
  throw error;
}

/** As one word of a POSIX shell, whatever it holds. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
