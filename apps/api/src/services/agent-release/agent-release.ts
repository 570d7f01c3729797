import { AgentArchitecture, type AgentRelease } from '@muster/contracts';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pino, type Logger } from 'pino';
import { z } from 'zod';
import { NotFoundError } from '../../errors.js';
import type { ReleaseBuild } from './release-build.js';

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

  /** Returns whether there is a release or will be one, and what it contains. Throws if its files cannot be read. */
  describe(): Promise<AgentRelease>;

  /** Returns the version of the release; null if there is none, or if its files cannot be read, which is logged once. */
  version(): Promise<string | null>;
}

const executableName = (arch: AgentArchitecture): string => `muster-agent-linux-${arch}`;
const imageName = (arch: AgentArchitecture): string => `muster-agent-image-linux-${arch}.tar`;

const BILL_OF_MATERIALS = 'sbom.cdx.json';
const CHECKSUMS = 'SHA256SUMS';

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
const URL_LINE = /^MUSTER_URL_DEFAULT=.*$/m;

/** Matches the line of the install script that is replaced with the checksums of the release. */
const CHECKSUMS_LINE = /^CHECKSUMS=.*$/m;

export interface AgentReleaseOptions {
  /** The configured address of this API for agents; null if none is configured. */
  publicUrl: string | null;
  /** The address that the install script contains if none is configured. */
  localUrl: string;
  /** Returns the state of the build in the background; null if there is none or it succeeded. */
  buildState?: ReleaseBuild['state'];
  logger?: Logger;
}

/** Creates the service for the release in `directory`. `directory` is null for an API without a release. */
export function createAgentReleaseService(
  directory: string | null,
  { publicUrl, localUrl, buildState = () => null, logger = pino({ level: 'silent' }) }: AgentReleaseOptions,
): AgentReleaseService {
  const pathOf = (name: string): string => {
    if (directory === null) throw new NotFoundError('agent release');
    return resolve(directory, name);
  };
  const read = async (name: string): Promise<string> => readFile(pathOf(name), 'utf8').catch(throwNotFoundIfMissing);

  let isLogged = false;

  async function describe(): Promise<AgentRelease> {
    // All releases contain these files. They are small.
    const files = await Promise.all([read(CHECKSUMS), read(BILL_OF_MATERIALS)]).catch((error: unknown) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
    if (files === null) {
      return { state: buildState() ?? 'none', version: null, executables: [], images: [], publicUrl };
    }
    const [checksums, billOfMaterials] = files;
    const names = new Set(checksums.split('\n').map((line) => line.split('  ')[1]));
    const { metadata } = BillOfMaterials.parse(JSON.parse(billOfMaterials));
    return {
      state: 'ready',
      version: metadata.component.version,
      executables: AgentArchitecture.options.filter((arch) => names.has(executableName(arch))),
      images: AgentArchitecture.options.filter((arch) => names.has(imageName(arch))),
      publicUrl,
    };
  }

  return {
    async installScript() {
      const [script, checksums] = await Promise.all([read('install.sh'), read(CHECKSUMS)]);
      return script
        .replace(URL_LINE, () => `MUSTER_URL_DEFAULT=${shellQuoted(publicUrl ?? localUrl)}`)
        .replace(CHECKSUMS_LINE, () => `CHECKSUMS=${shellQuoted(checksums.trim())}`);
    },

    async file(name) {
      if (!RELEASE_FILES.has(name)) throw new NotFoundError('agent release file');
      const path = pathOf(name);
      await stat(path).catch(throwNotFoundIfMissing);
      return path;
    },

    describe,

    async version() {
      try {
        return (await describe()).version;
      } catch (error) {
        if (!isLogged)
          logger.error({ err: error, directory }, 'the agent release cannot be read: repair it or remove it');
        isLogged = true;
        return null;
      }
    },
  };
}

function throwNotFoundIfMissing(error: NodeJS.ErrnoException): never {
  if (error.code === 'ENOENT') throw new NotFoundError('agent release');
  throw error;
}

/** Quotes a text as one word for a POSIX shell. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
