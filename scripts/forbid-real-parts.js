/**
 * A setup file of jest for `pnpm test:unit`. A unit test gets an error if it opens a server, a connection or an
 * embedded database, or starts a child process or a worker thread. A test that needs one of them belongs in a file that
 * is not named `*.unit.test.ts`.
 */
import childProcess from 'node:child_process';
import cluster from 'node:cluster';
import dgram from 'node:dgram';
import net from 'node:net';
import workerThreads from 'node:worker_threads';

/** Replaces methods of an object with functions that throw. */
function forbid(object, ...names) {
  for (const name of names) {
    object[name] = () => {
      throw new Error(`A unit test must not call ${name}: remove ".unit" from the name of its file.`);
    };
  }
}

forbid(childProcess, 'exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync');
forbid(cluster, 'fork');
forbid(dgram.Socket.prototype, 'bind', 'connect', 'send');
forbid(net.Server.prototype, 'listen');
forbid(net.Socket.prototype, 'connect');
forbid(workerThreads, 'Worker');
