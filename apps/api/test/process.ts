import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** The built API as a separate process, as `start` runs it. A start from source would take three times as long. */
export class ApiProcess {
  #stdout = '';
  #stderr = '';
  readonly exited: Promise<number | null>;

  private constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.exited = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  }

  /**
   * Starts the API on a free port of the loopback address, with only PATH from this process's environment. `stdout` and
   * `stderr` may be file descriptors.
   */
  static spawn(
    env: Record<string, string>,
    stdout: number | 'pipe' = 'pipe',
    stderr: number | 'pipe' = 'pipe',
  ): ApiProcess {
    const child = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
      cwd: PACKAGE,
      env: { PATH: process.env['PATH'], PORT: '0', MUSTER_DRAIN_SECONDS: '0', ...env },
      stdio: ['ignore', stdout, stderr],
    });
    return new ApiProcess(child);
  }

  get stdout() {
    return this.#stdout;
  }

  get stderr() {
    return this.#stderr;
  }

  /** Returns the URL of the API once it listens. */
  async url(): Promise<string> {
    for (;;) {
      const line = /Muster is listening on (\S+)/.exec(this.#stdout);
      if (line && this.#stdout.includes('List its containers')) return line[1]!;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the API exited before it listened: ${this.#stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Sends a signal, and resolves with the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }
}
