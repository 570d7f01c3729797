import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tokenKind } from '@muster/contracts';
import { explainDirectoryError, makeDirectory } from '@muster/directory-lock';
import { z } from 'zod';
import { ExitCodes, StopError } from '../exit.js';

/** State that an agent keeps between runs. */
export interface AgentState {
  /**
   * Random identity; null if none was generated. It is generated if the machine has no identity or if another host uses
   * the machine's identity.
   */
  identity: string | null;
  /** Null until the machine is enrolled. */
  enrollment: Enrollment | null;
  /** SHA-256 of the enrollment token of a deleted host, as written by an earlier release; null otherwise. */
  retiredEnrollToken: string | null;
}

/** The state of an agent that never ran before. */
const EMPTY_STATE: AgentState = { identity: null, enrollment: null, retiredEnrollToken: null };

/** A host's agent token and the API that issued it. The token is never sent to another API. */
export interface Enrollment {
  musterUrl: string;
  hostId: string;
  agentToken: string;
  /** When the token was issued, by this machine's clock; null if unknown. */
  issuedAt: string | null;
  /**
   * The previous token; null if there is none. It is needed if the API does not know the current token. In that case,
   * the current token was never used, or the API was restored from a backup.
   */
  previousToken: string | null;
  /**
   * When the API first accepted the current token, by this machine's clock. Null if the API has not accepted that
   * token, or if the time is unknown.
   */
  acceptedAt: string | null;
  /** SHA-256 of the enrollment token with which the host was enrolled; null if unknown. */
  enrolledWith: string | null;
  /** True if another agent reports as this host, according to the API's last answer. */
  isSuperseded: boolean;
  /** Whether the API accepts ranges of ports in snapshots, according to its last answer. */
  acceptsPortRanges: boolean;
}

const AgentToken = z.string().refine((value) => tokenKind(value) === 'agent');

const StateFile = z.object({
  version: z.literal(1),
  identity: z.string().min(1).nullable(),
  enrollment: z
    .object({
      musterUrl: z.string(),
      hostId: z.string(),
      agentToken: AgentToken,
      // Files of earlier releases lack these fields.
      issuedAt: z.iso.datetime().nullable().default(null),
      previousToken: AgentToken.nullable().default(null),
      acceptedAt: z.iso.datetime().nullable().default(null),
      enrolledWith: z.string().nullable().default(null),
      isSuperseded: z.boolean().default(false),
      acceptsPortRanges: z.boolean().default(false),
    })
    .nullable(),
  retiredEnrollToken: z.string().nullable(),
});

/** The state file in the state directory. Saved state survives a kill and a power failure. */
export interface StateStore {
  /** The state directory, for messages. */
  readonly dir: string;
  /** Returns an empty state if there is no file. Throws `StopError` if the file cannot be read or is invalid. */
  load(): Promise<AgentState>;
  save(state: AgentState): Promise<void>;
}

const FILE_NAME = 'agent.json';

/**
 * Creates a store for the file in `dir`. The caller must have called `prepareStateDir` and hold the directory's lock.
 */
export function createStateStore(dir: string): StateStore {
  const path = join(dir, FILE_NAME);
  return {
    dir,
    async load() {
      let text: string;
      try {
        text = await readPrivateFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_STATE;
        throw unusableError(path, await explain(error, path));
      }
      try {
        const { version: _, ...state } = StateFile.parse(JSON.parse(text));
        return state;
      } catch {
        throw unusableError(path, 'its content is invalid; move it away and enroll again');
      }
    },
    async save(state) {
      const text = `${JSON.stringify({ version: 1, ...state } satisfies z.input<typeof StateFile>, null, 2)}\n`;
      try {
        await writeFileAtomically(path, text);
      } catch (error) {
        const reason = await explain(error, dir);
        throw new StopError(`cannot write ${FILE_NAME} in ${dir} (MUSTER_STATE_DIR): ${reason}`, ExitCodes.failed);
      }
    },
  };
}

/**
 * Creates the directory if needed, checks that this user can read and write it, and removes access for group and
 * others. Throws `StopError` if that fails.
 */
export async function prepareStateDir(dir: string): Promise<void> {
  try {
    await makeDirectory(dir, 0o700);
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    await restrictAccess(dir, 0o700);
  } catch (error) {
    throw await unusableStateDir(dir, error);
  }
}

/** Returns the error for a state directory that this process cannot use because of `error`. */
export const unusableStateDir = async (dir: string, error: unknown): Promise<StopError> =>
  unusableError(dir, await explain(error, dir));

const explain = async (error: unknown, path: string): Promise<string> =>
  (await explainDirectoryError(error, path)) ?? (error as Error).message;

const unusableError = (path: string, reason: string): StopError =>
  new StopError(`cannot use ${path} for the agent’s state (MUSTER_STATE_DIR): ${reason}`, ExitCodes.failed);

/** Removes access for group and others. */
async function restrictAccess(path: string, mode: number): Promise<void> {
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, mode);
}

/**
 * Opens a file in the state directory and removes access for group and others. Rejects if the path is a symbolic link
 * or if the file has another hard link. Root can run `once` or `leave` in a directory of the service's user, and that
 * user could create a link to make root change another file. O_NONBLOCK keeps a named pipe from blocking.
 */
async function openPrivate(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.nlink > 1) throw new Error('it is not a regular file, or has more than one hard link');
    if ((facts.mode & 0o077) !== 0) await file.chmod(0o600);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads a file in the state directory. Rejects if the file is missing or a link. */
export async function readPrivateFile(path: string): Promise<string> {
  const file = await openPrivate(path, constants.O_RDONLY);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Appends to a file in the state directory and creates the file if needed. Rejects if the file is a link. */
export async function appendPrivateFile(path: string, text: string): Promise<void> {
  const file = await openPrivate(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  try {
    await chownToDirectoryOwner(dirname(path), file);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/**
 * Changes a file's owner to the owner of its directory. Root can run `enroll` or `once` in a directory of the service's
 * user, and that user must be able to read the files.
 */
async function chownToDirectoryOwner(directory: string, file: FileHandle): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(directory);
  if (uid !== 0) await file.chown(uid, gid);
}

/**
 * Replaces a file atomically: after a crash or a power failure, the file holds either the old text or the new text. The
 * text is written to a temporary file and synced before the rename.
 */
export async function writeFileAtomically(path: string, text: string): Promise<void> {
  const temporaryPath = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporaryPath, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await chownToDirectoryOwner(dirname(path), file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporaryPath, path);
  } catch (error) {
    await unlink(temporaryPath).catch(() => undefined);
    throw error;
  }
  // The rename is durable only after the directory is synced.
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
