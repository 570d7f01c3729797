/**
 * A PostgreSQL server for tests: a cluster of its own in a temporary directory, on a free port of the loopback
 * interface, started from whatever PostgreSQL is installed.
 *
 * A shell stands between this process and the server. It stops the server and removes its files when its input ends,
 * which happens however this process ends: no killed test run leaves a server behind.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chown, constants, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The oldest server that Muster supports. */
const MAJOR_VERSION_MIN = 15;

const START_TIMEOUT_MS = 60_000;
const START_ATTEMPTS_MAX = 5;

/** How often a server that starts is asked whether it lives, and how long one that died is listened to. */
const LIFE_CHECK_INTERVAL_MS = 300;
const LAST_WORDS_MS = 100;

/**
 * Each line of its input starts the server; the end of its input ends the server, a frozen one too, and removes its
 * files.
 */
const WATCHDOG = `
directory=$1; shift; pid=
while read -r _; do "$@" & pid=$!; echo "pid $pid"; done
if [ -n "$pid" ]; then
  kill -INT "$pid" 2>/dev/null
  ps -A -o pid=,ppid= | while read -r child parent; do [ "$parent" = "$pid" ] && kill -CONT "$child"; done
  kill -CONT "$pid" 2>/dev/null
  wait "$pid"
fi
rm -rf "$directory"
`;

/** A running server. */
export interface PostgresCluster {
  readonly available: true;
  /** A superuser's URL of the database `postgres`. */
  readonly url: string;
  /** For instance `15.14`. */
  readonly version: string;
  /** Stops every process of the server where it stands (SIGSTOP): connections stay open and nothing answers. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Kills every process of the server (SIGKILL). */
  crash(): Promise<void>;
  /** Starts the server again, on the same port and files, after `crash`. */
  restart(): Promise<void>;
  /** Copies the files of a server that is not running (after `crash`), in place of an earlier copy. */
  saveFiles(): Promise<void>;
  /** Puts that copy in place of the present files, which takes no time. The server must not be running. */
  restoreFiles(): Promise<void>;
  /** Stops the server and removes its files. Calling it again does nothing. */
  stop(): Promise<void>;
}

/** Why there is no server to be had, and how to get one. */
export interface PostgresMissing {
  readonly available: false;
  readonly reason: string;
}

export interface PostgresClusterOptions {
  /** Keeps fsync on, for tests that pull the plug. */
  readonly durable?: boolean;
  /** Settings by their name in postgresql.conf, over those of a test; a benchmark's `shared_buffers`, for instance. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a server of the newest PostgreSQL that is installed. Rejects where one is installed and does not start. */
export async function startPostgresCluster({
  durable = false,
  settings: given = {},
}: PostgresClusterOptions = {}): Promise<PostgresCluster | PostgresMissing> {
  const installation = await findInstallation();
  if (installation === null) {
    return {
      available: false,
      reason: `no PostgreSQL ${MAJOR_VERSION_MIN} or newer is installed (Debian: apt-get install postgresql; macOS: brew install postgresql)`,
    };
  }
  const owner = await serverOwner();
  if (owner === 'nobody-to-be') {
    return { available: false, reason: 'PostgreSQL does not run as root, and there is no user postgres or nobody' };
  }
  const directory = await mkdtemp(join(tmpdir(), 'muster-postgres-'));
  try {
    const password = randomBytes(16).toString('hex');
    const data = join(directory, 'data');
    await initialize(installation.bin, directory, data, password, owner);
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const server = new Server(directory, data, owner, [
        join(installation.bin, 'postgres'),
        ...['-D', data],
        ...[...settings(port, durable), ...Object.entries(given).map((pair) => pair.join('='))].flatMap((setting) => [
          '-c',
          setting,
        ]),
      ]);
      try {
        await server.start();
        return cluster(server, `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`, installation.version);
      } catch (error) {
        await server.abandon();
        // Between our look at the port and the server's, somebody else may have taken it.
        const taken = String(error).includes('could not bind');
        if (!taken || attempt === START_ATTEMPTS_MAX) throw error;
      }
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

function cluster(server: Server, url: string, version: string): PostgresCluster {
  let stopped: Promise<void> | undefined;
  return {
    available: true,
    url,
    version,
    freeze: () => server.signalAll('SIGSTOP'),
    thaw: () => server.signalAll('SIGCONT'),
    crash: () => server.signalAll('SIGKILL'),
    restart: () => server.start(),
    saveFiles: () => copyDirectory(server.data, `${server.data}.saved`),
    async restoreFiles() {
      await rename(server.data, `${server.data}.lost`);
      await rename(`${server.data}.saved`, server.data);
    },
    stop: () => (stopped ??= server.stop()),
  };
}

/** With owners and modes, which PostgreSQL checks at its start. */
async function copyDirectory(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await run('cp', ['-a', from, to]);
}

function settings(port: number, durable: boolean): string[] {
  return [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    // Far from UTC, and by a fraction of an hour: code that relies on the server's time zone fails here.
    'timezone=Asia/Kathmandu',
    'lc_messages=C',
    // Which process says what: the start is read from the first one's words.
    'log_line_prefix=%m [%p] ',
    ...(durable ? [] : ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']),
  ];
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Undefined: as who we are. PostgreSQL refuses to run as root. */
async function serverOwner(): Promise<Owner | undefined | 'nobody-to-be'> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  return user === undefined ? 'nobody-to-be' : { uid: Number(user[2]), gid: Number(user[3]) };
}

async function initialize(
  bin: string,
  directory: string,
  data: string,
  password: string,
  owner: Owner | undefined,
): Promise<void> {
  const passwordFile = join(directory, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner !== undefined) {
    await chown(directory, owner.uid, owner.gid);
    await chown(passwordFile, owner.uid, owner.gid);
  }
  await run(
    join(bin, 'initdb'),
    [
      ...['-D', data],
      ...['--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--no-locale', '--no-sync'],
    ],
    { ...owner, cwd: directory },
  );
}

class Server {
  readonly #watchdog: ChildProcess;
  readonly #exited: Promise<unknown>;
  #log = '';
  #pid: number | undefined;

  constructor(
    directory: string,
    readonly data: string,
    owner: Owner | undefined,
    command: readonly string[],
  ) {
    this.#watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', directory, ...command], {
      ...owner,
      cwd: '/',
      stdio: 'pipe',
      // Out of reach of the terminal's Ctrl-C, which would end the shell before it has cleaned up.
      detached: true,
    });
    this.#exited = once(this.#watchdog, 'exit');
    const remember = (text: Buffer): void => {
      // What it says later is nobody's concern.
      if (this.#pid === undefined) this.#log += text.toString();
    };
    this.#watchdog.stdout?.on('data', remember);
    this.#watchdog.stderr?.on('data', remember);
    // Where the shell is gone, `start` says so.
    this.#watchdog.stdin?.on('error', () => undefined);
  }

  /** Starts the server and waits until it accepts connections. */
  async start(): Promise<void> {
    this.#log = '';
    this.#watchdog.stdin?.write('start\n');
    const deadline = Date.now() + START_TIMEOUT_MS;
    let lookAt = Date.now() + LIFE_CHECK_INTERVAL_MS;
    for (;;) {
      // What the server tells others while it starts or recovers is FATAL to them, not to it: that it failed shows by
      // its process, and that it is ready by that process's own word.
      const pid = Number(/^pid (\d+)$/m.exec(this.#log)?.[1]);
      if (new RegExp(`\\[${pid}\\] LOG: .*ready to accept connections`).test(this.#log)) {
        this.#pid = pid;
        return;
      }
      let failed = this.#watchdog.exitCode !== null || Date.now() > deadline;
      if (!failed && !Number.isNaN(pid) && Date.now() > lookAt) {
        failed = !(await anyRuns([pid]));
        lookAt = Date.now() + LIFE_CHECK_INTERVAL_MS;
      }
      // After a failure, its last words may still be on their way.
      await delay(failed ? LAST_WORDS_MS : 20);
      if (failed) throw new Error(`PostgreSQL did not start:\n${this.#log}`);
    }
  }

  /** Sends a signal to the server's processes, its first one first, so that it starts no others meanwhile. */
  async signalAll(signal: NodeJS.Signals): Promise<void> {
    if (this.#pid === undefined) throw new Error('PostgreSQL is not running.');
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
    const processes = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    const children = processes.filter(([, parent]) => parent === this.#pid).map(([pid]) => pid);
    for (const pid of [this.#pid, ...children]) signalIfAlive(pid, signal);
    if (signal !== 'SIGKILL') return;
    // The next server refuses to start while one of the old one's processes has the shared memory.
    while (await anyRuns([this.#pid, ...children])) await delay(10);
    this.#pid = undefined;
    await rm(join(this.data, 'postmaster.pid'), { force: true });
  }

  /** Ends the server and the shell, whose last act is to remove the files. */
  async stop(): Promise<void> {
    this.#watchdog.stdin?.end();
    await this.#exited;
  }

  /** Ends the shell and leaves the files, for another attempt on them. */
  async abandon(): Promise<void> {
    this.#watchdog.kill('SIGKILL');
    await this.#exited;
  }
}

function signalIfAlive(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether any of these processes is more than a zombie, which the shell collects only later. */
async function anyRuns(pids: readonly (number | undefined)[]): Promise<boolean> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,stat=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.some(([pid, state]) => pids.includes(Number(pid)) && !state?.startsWith('Z'));
}

interface Installation {
  readonly bin: string;
  readonly version: string;
}

/** The newest installation that is new enough: on the PATH, or where Debian and its kin keep them. */
async function findInstallation(): Promise<Installation | null> {
  const debian = '/usr/lib/postgresql';
  const majors = await readdir(debian).catch(() => []);
  const directories = [
    ...(process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== ''),
    ...majors.map((major) => join(debian, major, 'bin')),
  ];
  const found = (await Promise.all(directories.map(installationIn))).filter((installation) => installation !== null);
  found.sort((a, b) => Number.parseFloat(b.version) - Number.parseFloat(a.version));
  const newest = found[0];
  return newest !== undefined && Number.parseInt(newest.version, 10) >= MAJOR_VERSION_MIN ? newest : null;
}

async function installationIn(bin: string): Promise<Installation | null> {
  try {
    await Promise.all(['initdb', 'postgres'].map((program) => access(join(bin, program), constants.X_OK)));
    const { stdout } = await run(join(bin, 'postgres'), ['--version']);
    const version = /\d+(\.\d+)*/.exec(stdout)?.[0];
    return version === undefined ? null : { bin, version };
  } catch {
    // Not here, or not one that this machine can run.
    return null;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
