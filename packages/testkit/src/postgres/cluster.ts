/**
 * A PostgreSQL server for tests. It is a new cluster in a temporary directory, on a free port of the loopback
 * interface, with the newest PostgreSQL that is installed.
 */
import { execFile, spawn, type SpawnOptions } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAvailable } from '../is-available.js';
import { signalIfRunning } from '../proc.js';

const run = promisify(execFile);

/** The oldest version that Muster supports. */
const MAJOR_VERSION_MIN = 15;
/**
 * The range from which a server's port is chosen. Linux and macOS use higher ports for outgoing connections, so no such
 * connection can take the port of a server while the server restarts.
 */
const PORTS = { min: 10_000, max: 30_000 };
const START_ATTEMPTS_MAX = 5;
const LOG_LENGTH_MAX = 5_000;

/**
 * A shell that starts the server for each line of its input and prints pg_ctl's exit code. When its input ends, the
 * shell stops the server, even if the server is frozen, and removes the files. The input also ends if this process is
 * killed.
 */
const WATCHDOG = `
pg_ctl() { "$1/pg_ctl" -D "$2/data" -w "$3" -l "$2/log" >/dev/null 2>&1; }
while read -r _; do pg_ctl "$@" start; echo "exit code $?"; done
if read -r pid < "$2/data/postmaster.pid"; then
  ps -A -o pid=,ppid= | while read -r child parent; do [ "$parent" = "$pid" ] && kill -CONT "$child"; done
  kill -CONT "$pid"
  pg_ctl "$@" stop
fi 2>/dev/null
rm -rf "$2"
`;

/** PostgreSQL cannot be started on this machine. The message states the reason, and what to install. */
export class PostgresMissingError extends Error {}

/** Starts a server. If PostgreSQL is missing, returns null, and `isAvailable` reports what to install. */
export const startIfInstalled = <Server>(start: () => Promise<Server>): Promise<Server | null> =>
  start().catch((error: unknown) => {
    if (!(error instanceof PostgresMissingError)) throw error;
    isAvailable(error.message);
    return null;
  });

/** A running server. */
export type PostgresCluster = Awaited<ReturnType<typeof startPostgresCluster>>;

export interface PostgresClusterOptions {
  /** Keeps fsync enabled, for tests that crash the server. */
  readonly durable?: boolean;
  /** More settings of postgresql.conf, for example `shared_buffers`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a server. @throws PostgresMissingError, or another error if an installed PostgreSQL does not start. */
export async function startPostgresCluster(options: PostgresClusterOptions = {}) {
  const { durable = false, settings = {} } = options;
  const { bin, version } = await findNewestInstallation();
  const owner = await findServerOwner();
  const directory = await mkdtemp(join(tmpdir(), 'muster-postgres-'));
  const server = startWatchdog(bin, directory, owner);
  try {
    const password = await initialize(bin, directory, owner);
    const port = await startOnFreePort(server, { ...(durable ? {} : FAST_SETTINGS), ...settings });
    const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
    // The URL is for a superuser and for the database `postgres`. The version is, for example, `15.14`.
    return { url, version, ...server };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const TEST_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  // This time zone differs from UTC by 5:45 hours, so code that depends on the server's time zone fails.
  timezone: 'Asia/Kathmandu',
  lc_messages: 'C',
};
const FAST_SETTINGS = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' };

type Owner = Pick<SpawnOptions, 'uid' | 'gid'>;

/**
 * Returns the user that runs the server. This is the current user, unless it is root, because PostgreSQL refuses to run
 * as root.
 */
async function findServerOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return {};
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) {
    throw new PostgresMissingError('PostgreSQL does not run as root: create a user named postgres');
  }
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** Initializes a cluster's files, and returns its superuser's password. */
async function initialize(bin: string, directory: string, owner: Owner): Promise<string> {
  const password = randomBytes(16).toString('hex');
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner.uid !== undefined && owner.gid !== undefined) {
    for (const path of [directory, passwordFile]) await chown(path, owner.uid, owner.gid);
  }
  const access = ['--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  const data = ['-D', join(directory, 'data'), '--encoding', 'UTF8', '--no-locale', '--no-sync'];
  await run(join(bin, 'initdb'), [...data, ...access], { ...owner, cwd: directory });
  return password;
}

async function startOnFreePort(server: Server, settings: Readonly<Record<string, string>>): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = randomInt(PORTS.min, PORTS.max);
    const lines = Object.entries({ ...TEST_SETTINGS, ...settings, port }).map(
      ([name, value]) => `${name} = '${value}'`,
    );
    // If a setting occurs several times, PostgreSQL uses the last value, so these lines override the defaults.
    await appendFile(join(server.data, 'postgresql.conf'), `${lines.join('\n')}\n`);
    try {
      await server.restart();
      return port;
    } catch (error) {
      // Another process may already be listening on the port.
      if (!String(error).includes('could not bind') || attempt === START_ATTEMPTS_MAX) throw error;
    }
  }
}

type Server = ReturnType<typeof startWatchdog>;

/** Starts the watchdog of a server whose files are in `directory`. */
function startWatchdog(bin: string, directory: string, owner: Owner) {
  const data = join(directory, 'data');
  const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', bin, directory], {
    ...owner,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'ignore'],
    // Ctrl-C in the terminal would otherwise end the shell before it has cleaned up.
    detached: true,
  });
  const exited = once(watchdog, 'exit');
  // If the shell was killed, writing to it causes an error. Without a listener, this error would end this process.
  watchdog.stdin.on('error', () => undefined);
  const logFile = join(directory, 'log');

  const pid = async () => Number.parseInt(await readFile(join(data, 'postmaster.pid'), 'utf8'), 10);

  async function signalAll(signal: NodeJS.Signals): Promise<number[]> {
    const postmaster = await pid();
    const children = (await processes()).filter(({ parent }) => parent === postmaster);
    // The postmaster gets the signal first, so that it starts no more processes.
    const pids = [postmaster, ...children.map((child) => child.pid)];
    for (const each of pids) signalIfRunning(each, signal);
    return pids;
  }

  return {
    /** The directory of the server's files. */
    data,
    /** Returns the id of the server's first process. */
    pid,
    /** Stops all processes of the server with SIGSTOP. Connections stay open, but queries are not answered. */
    freeze: async (): Promise<void> => void (await signalAll('SIGSTOP')),
    unfreeze: async (): Promise<void> => void (await signalAll('SIGCONT')),
    /** Kills all processes of the server with SIGKILL. */
    async crash(): Promise<void> {
      const pids = await signalAll('SIGKILL');
      // A new server cannot start while a process of the old one still uses the shared memory.
      while ((await processes()).some(({ pid }) => pids.includes(pid))) await sleep(10);
      await rm(join(data, 'postmaster.pid'), { force: true });
    },
    /** After `crash`, starts the server again with the same port and files. */
    async restart(): Promise<void> {
      watchdog.stdin.write('start\n');
      const [result] = (await Promise.race([once(watchdog.stdout, 'data'), exited])) as [Buffer | number | null];
      if (String(result).trim() === 'exit code 0') return;
      const log = await readFile(logFile, 'utf8').catch(() => '');
      throw new Error(`PostgreSQL did not start:\n${log.slice(-LOG_LENGTH_MAX)}`);
    },
    /** Stops the server and removes its files. May be called more than once. */
    async stop(): Promise<void> {
      watchdog.stdin.end();
      await exited;
    },
  };
}

/** Returns all processes except zombies, which have the state Z. */
async function processes(): Promise<{ pid: number; parent: number }[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,stat=']);
  const rows = [...stdout.matchAll(/^ *(\d+) +(\d+) +[^Z\s]/gm)];
  return rows.map(([, pid, parent]) => ({ pid: Number(pid), parent: Number(parent) }));
}

/** Returns the newest installation in PATH and in Debian's directories. @throws PostgresMissingError */
async function findNewestInstallation(): Promise<{ bin: string; version: string }> {
  const { stdout } = await run('sh', ['-c', FIND_NEWEST]);
  const [, version = '', bin = ''] = /^(\d[\d.]*) (.+)$/m.exec(stdout) ?? [];
  if (Number.parseInt(version, 10) >= MAJOR_VERSION_MIN) return { bin, version };
  const how = 'Debian: apt-get install postgresql; macOS: brew install postgresql';
  throw new PostgresMissingError(`no PostgreSQL ${MAJOR_VERSION_MIN} or newer is installed (${how})`);
}

/** Prints the version and the path of the newest installation that has initdb. */
const FIND_NEWEST = String.raw`
IFS=:
for directory in $PATH $(echo /usr/lib/postgresql/*/bin | tr ' ' :); do
  [ -x "$directory/initdb" ] || continue
  echo "$("$directory/postgres" --version 2>/dev/null | sed 's/.*) \([0-9.]*\).*/\1/') $directory"
done | sort -V | tail -n 1`;
