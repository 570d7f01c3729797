import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { tokenKind } from '@muster/contracts';
import { z } from 'zod';
import { ExitCodes, StopError } from '../exit.js';

/** What an agent remembers from one run to the next. */
export interface AgentState {
  /** An identity that it made up because the machine had none, or another host had the machine's. */
  identity: string | null;
  /** Null until it is enrolled. */
  enrollment: Enrollment | null;
  /** SHA-256 of the enrollment token of a host that was deleted since, as an earlier release wrote it; null otherwise. */
  retiredEnrollToken: string | null;
}

/** What an agent knows that ran never before. */
const EMPTY_STATE: AgentState = { identity: null, enrollment: null, retiredEnrollToken: null };

/** A host's own token, and the API that it is for: it is sent nowhere else. */
export interface Enrollment {
  musterUrl: string;
  hostId: string;
  agentToken: string;
  /** When the token was issued, by this machine's clock; null: not known. */
  issuedAt: string | null;
  /** The token before, for the API that does not know this one (yet, or after a restore); null: there is none. */
  previousToken: string | null;
  /** When the API first took this token, by this machine's clock; null: not yet, or not known. */
  acceptedAt: string | null;
  /** SHA-256 of the enrollment token that it came from; null: not known. */
  enrolledWith: string | null;
  /** True: another run of an agent reports as this host, by the last answer of the API. */
  isSuperseded: boolean;
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
      // Files of earlier releases lack these.
      issuedAt: z.iso.datetime().nullable().default(null),
      previousToken: AgentToken.nullable().default(null),
      acceptedAt: z.iso.datetime().nullable().default(null),
      enrolledWith: z.string().nullable().default(null),
      isSuperseded: z.boolean().default(false),
    })
    .nullable(),
  retiredEnrollToken: z.string().nullable(),
});

/** The state directory's file. What `save` has resolved for survives a kill and a power cut. */
export interface StateStore {
  /** An empty state where there is none yet. Throws `StopError` for a file that cannot be read as one. */
  load(): Promise<AgentState>;
  save(state: AgentState): Promise<void>;
}

const FILE_NAME = 'agent.json';

/** The state in `dir`, which `prepareStateDir` made and the caller has locked. */
export function createStateStore(dir: string): StateStore {
  const path = join(dir, FILE_NAME);
  return {
    async load() {
      let text: string;
      try {
        text = await readPrivate(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_STATE;
        throw unusable(path, (error as Error).message);
      }
      try {
        const { version: _, ...state } = StateFile.parse(JSON.parse(text));
        return state;
      } catch {
        throw unusable(path, 'it is not what this agent wrote; move it away to enrol again');
      }
    },
    async save(state) {
      const text = `${JSON.stringify({ version: 1, ...state } satisfies z.input<typeof StateFile>, null, 2)}\n`;
      await writeAtomically(path, text).catch((error: unknown) => {
        throw new StopError(`cannot write ${path}: ${(error as Error).message}`, ExitCodes.failed);
      });
    },
  };
}

/** Makes the directory where it is missing, and closes it to everybody else. Throws `StopError`. */
export async function prepareStateDir(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await restrict(dir, 0o700);
  } catch (error) {
    throw unusable(dir, (error as Error).message);
  }
}

const unusable = (path: string, why: string): StopError =>
  new StopError(`cannot use ${path} as state (MUSTER_STATE_DIR): ${why}`, ExitCodes.failed);

/** Takes away what group and others may do in the directory that the operator named. */
async function restrict(path: string, mode: number): Promise<void> {
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, mode);
}

/**
 * Opens a file of the state directory and closes it to group and others. Rejects for a symbolic or a hard link: the
 * directory may belong to the service's user while root runs `once` or `leave` in it, and a link must not lead root to
 * another file. O_NONBLOCK, so that a pipe in its place is not waited for.
 */
async function openPrivate(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  try {
    const facts = await file.stat();
    if (!facts.isFile() || facts.nlink > 1) throw new Error('it is not a regular file, or has another name elsewhere');
    if ((facts.mode & 0o077) !== 0) await file.chmod(0o600);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads a file of the state directory as text. Rejects for one that is missing, or is a link. */
export async function readPrivate(path: string): Promise<string> {
  const file = await openPrivate(path, constants.O_RDONLY);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Appends to a file of the state directory, which is created where it is missing. Rejects for a link. */
export async function appendPrivate(path: string, text: string): Promise<void> {
  const file = await openPrivate(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  try {
    await giveToOwnerOf(dirname(path), file);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/**
 * Gives a file to the owner of its directory. Root runs `enroll` or `once` in the directory of the service's user, who
 * must be able to read what came of it.
 */
async function giveToOwnerOf(directory: string, file: FileHandle): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(directory);
  if (uid !== 0) await file.chown(uid, gid);
}

/** The whole text or the one before it, whenever the power goes: written aside, forced to the disk, then renamed. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(aside, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await giveToOwnerOf(dirname(path), file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await unlink(aside).catch(() => undefined);
    throw error;
  }
  // The rename itself is durable once the directory is.
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
