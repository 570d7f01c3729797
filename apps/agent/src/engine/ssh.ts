import { Agent } from 'node:http';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { EngineAddress } from './address.js';

type SshAddress = EngineAddress & { kind: 'ssh' };

/** Number of characters that are kept from the end of ssh's stderr, where ssh writes the reason for a failure. */
const STDERR_LENGTH_MAX = 2_000;

/**
 * Returns the arguments with which ssh reaches an engine. Docker's own client uses the same arguments (docker/cli,
 * commandconn). The user's ssh configuration and keys apply. With `BatchMode`, ssh never prompts for a password.
 */
export const sshArguments = ({ host, port, user, remotePath }: SshAddress): string[] => [
  '-o',
  'ConnectTimeout=30',
  '-o',
  'BatchMode=yes',
  '-T',
  ...(user === null ? [] : ['-l', user]),
  ...(port === null ? [] : ['-p', port]),
  '--',
  host,
  'docker',
  ...(remotePath === null ? [] : ['--host', `unix://${remotePath}`]),
  'system',
  'dial-stdio',
];

/** Connects to an engine through `ssh` and uses the command's standard streams as the connection. */
export class SshAgent extends Agent {
  readonly #address: SshAddress;

  constructor(address: SshAddress) {
    super({ keepAlive: true });
    this.#address = address;
  }

  override createConnection(_options: unknown, done: (error: Error | null, connection: Duplex) => void): undefined {
    const child = spawn('ssh', sshArguments(this.#address), { stdio: 'pipe' });
    child.once('error', (error) => done(error, undefined as unknown as Duplex));
    child.once('spawn', () => done(null, new CommandConnection(child)));
    return undefined;
  }
}

/** A connection made of a command's standard input and output. Destroying the connection kills the command. */
class CommandConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #stderr = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    super({ autoDestroy: true });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_LENGTH_MAX);
    });
    // Write errors are ignored, because the command's exit is reported by `close`.
    child.stdin.on('error', () => undefined);
    child.once('close', (code) => {
      if (code === 0) this.push(null);
      else this.destroy(new Error(`ssh: ${this.#stderr.trim().split('\n').at(-1) || `ended with ${code}`}`));
    });
  }

  /**
   * Node calls this method and the next three on a kept-alive socket. They do nothing, because a command's streams have
   * no socket options.
   */
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }
}
