import { AgentArchitecture, type AgentRelease } from '@muster/contracts';
import { open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pino, type Logger } from 'pino';
import { z } from 'zod';
import { NotFoundError, UnavailableError } from '../../errors.js';
import type { ReleaseBuild } from './release-build.js';

/** Serves the agent release for download. */
export interface AgentReleaseService {
  /**
   * Returns the script that installs the agent. The script downloads from this API's configured public address, never
   * from an address in the request, and contains the checksums of the downloads.
   * @throws NotFoundError if this API has no release.
   * @throws ReleaseDamagedError
   */
  installScript(): Promise<string>;

  /**
   * Returns the path of a release file.
   * @throws NotFoundError if the release has no such file.
   * @throws ReleaseDamagedError
   */
  file(name: string): Promise<string>;

  /**
   * Returns the state and the content of the release. A damaged release is reported as a failed build, because building
   * the release again repairs it. The reason for the damage is logged once.
   */
  describe(): Promise<AgentRelease>;
}

/**
 * A file of the release is missing or cannot be read. The message contains the name of the file, but not its directory.
 */
class ReleaseDamagedError extends UnavailableError {
  constructor(name: string, problem: string, options?: ErrorOptions) {
    super(`The agent release on this server is damaged: ${name} ${problem}. Build the release again.`, options);
  }
}

const executableName = (arch: AgentArchitecture): string => `muster-agent-linux-${arch}`;
const imageName = (arch: AgentArchitecture): string => `muster-agent-image-linux-${arch}.tar`;

const BILL_OF_MATERIALS = 'sbom.cdx.json';
const CHECKSUMS = 'SHA256SUMS';
const INSTALL_SCRIPT = 'install.sh';

/** The part of the bill of materials that is shown. */
const BillOfMaterials = z.object({ metadata: z.object({ component: z.object({ version: z.string() }) }) });

/** The files that the agent package's release command writes, except the install script. */
const RELEASE_FILES: ReadonlySet<string> = new Set([
  ...AgentArchitecture.options.flatMap((arch) => [executableName(arch), imageName(arch)]),
  'muster-agent.service',
  'muster-agent.openrc',
  'muster-agent-update.service',
  'muster-agent-update.timer',
  BILL_OF_MATERIALS,
  CHECKSUMS,
]);

/** Matches the line of the install script that is replaced with this API's URL. */
const URL_LINE_PATTERN = /^MUSTER_URL_DEFAULT=.*$/m;

/** Matches the line of the install script that is replaced with the checksums of the release. */
const CHECKSUMS_LINE_PATTERN = /^CHECKSUMS=.*$/m;

export interface AgentReleaseOptions {
  /** The configured address of this API for agents; null if no address is configured. */
  publicUrl: string | null;
  /** The address that the install script contains if `publicUrl` is null. */
  localUrl: string;
  /** Returns the state of the build in the background; null if there is no build or the build succeeded. */
  buildState?: ReleaseBuild['state'];
  logger?: Logger;
}

/** Creates the service for the release in `directory`. `directory` is null for an API without a release. */
export function createAgentReleaseService(
  directory: string | null,
  { publicUrl, localUrl, buildState = () => null, logger = pino({ level: 'silent' }) }: AgentReleaseOptions,
): AgentReleaseService {
  /** The last damage that was logged; null if the release has been readable since. */
  let loggedDamage: string | null = null;

  /** Returns the text of a file of the release; null if the file is missing. @throws ReleaseDamagedError */
  async function read(name: string): Promise<string | null> {
    if (directory === null) return null;
    try {
      return await readFile(resolve(directory, name), 'utf8');
    } catch (error) {
      if (isMissing(error as Error)) return null;
      throw damagedBy(name, error as Error);
    }
  }

  /**
   * Returns the texts of files that every release contains; null if all of these files are missing.
   * @throws ReleaseDamagedError
   */
  async function readAll(...names: string[]): Promise<string[] | null> {
    const texts = await Promise.all(names.map(read));
    if (texts.every((text) => text === null)) return null;
    return texts.map((text, index) => {
      if (text === null) throw new ReleaseDamagedError(names[index]!, 'is missing');
      return text;
    });
  }

  async function describe(): Promise<AgentRelease> {
    const missing = { version: null, executables: [], images: [], publicUrl };
    try {
      const texts = await readAll(CHECKSUMS, BILL_OF_MATERIALS, INSTALL_SCRIPT);
      if (texts === null) return { state: buildState() ?? 'none', ...missing };
      const [checksums = '', billOfMaterials = ''] = texts;
      const names = new Set(checksums.split('\n').map((line) => line.split('  ')[1]));
      const version = versionOf(billOfMaterials);
      loggedDamage = null;
      return {
        state: 'ready',
        version,
        executables: AgentArchitecture.options.filter((arch) => names.has(executableName(arch))),
        images: AgentArchitecture.options.filter((arch) => names.has(imageName(arch))),
        publicUrl,
      };
    } catch (error) {
      if (!(error instanceof ReleaseDamagedError)) throw error;
      if (loggedDamage !== error.message) logger.error({ err: error, directory }, error.message);
      loggedDamage = error.message;
      return { state: buildState() ?? 'failed', ...missing };
    }
  }

  return {
    async installScript() {
      const texts = await readAll(INSTALL_SCRIPT, CHECKSUMS);
      if (texts === null) throw new NotFoundError('agent release');
      const [script = '', checksums = ''] = texts;
      return script
        .replace(URL_LINE_PATTERN, () => `MUSTER_URL_DEFAULT=${shellQuoted(publicUrl ?? localUrl)}`)
        .replace(CHECKSUMS_LINE_PATTERN, () => `CHECKSUMS=${shellQuoted(checksums.trim())}`);
    },

    async file(name) {
      if (directory === null || !RELEASE_FILES.has(name)) throw new NotFoundError('agent release file');
      const path = resolve(directory, name);
      const file = await open(path).catch((error: unknown) => {
        throw isMissing(error as Error) ? new NotFoundError('agent release file') : damagedBy(name, error as Error);
      });
      const isFile = await file
        .stat()
        .then((stats) => stats.isFile())
        .finally(() => file.close());
      if (!isFile) throw new ReleaseDamagedError(name, 'is not a file');
      return path;
    },

    describe,
  };
}

const isMissing = (error: NodeJS.ErrnoException): boolean => error.code === 'ENOENT';

/** Returns the error for a file that cannot be read. */
const damagedBy = (name: string, error: NodeJS.ErrnoException): ReleaseDamagedError =>
  new ReleaseDamagedError(name, `cannot be read (${error.code})`, { cause: error });

/** Returns the version in a bill of materials. @throws ReleaseDamagedError if the bill has no version. */
function versionOf(billOfMaterials: string): string {
  try {
    return BillOfMaterials.parse(JSON.parse(billOfMaterials)).metadata.component.version;
  } catch (error) {
    throw new ReleaseDamagedError(BILL_OF_MATERIALS, 'has no version', { cause: error });
  }
}

/** Quotes a text as one word for a POSIX shell. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
