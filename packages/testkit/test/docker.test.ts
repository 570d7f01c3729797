import { expect, jest, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { runIf } from '../src/is-available.js';
import { hasDockerEngine, startDockerEngine } from '../src/docker/engine.js';

jest.setTimeout(180_000);

runIf(hasDockerEngine(), test)(
  'a killed engine restarts with its containers, and leaves nothing behind when it is closed',
  async () => {
    const engine = await startDockerEngine();
    const dir = dirname(engine.socketPath);
    try {
      const id = await engine.run('one', ['--label', 'a=b', '--publish', '127.0.0.1:18080:80']);
      expect(await engine.get('/containers/json?all=1')).toMatchObject([
        {
          Id: id,
          Names: ['/one'],
          State: 'running',
          Labels: { a: 'b' },
          Ports: [{ IP: '127.0.0.1', PublicPort: 18080 }],
        },
      ]);
      await engine.kill();
      expect(await engine.isAnswering()).toBe(false);
      await engine.restart();
      expect(await engine.get('/containers/json?all=1')).toMatchObject([{ Id: id }]);
      await engine.stop();
    } finally {
      await engine.close();
    }
    expect(existsSync(dir)).toBe(false);
    expect(processesNaming(dir)).toEqual([]);
  },
);

function processesNaming(dir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return commandLine.includes(dir) ? [commandLine] : [];
      } catch {
        return [];
      }
    });
}
