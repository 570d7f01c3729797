import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installMethods, type HostSettings } from '../src/features/add-host/install-methods';

describe('the command that installs the service', () => {
  let bin: string;
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'muster-install-command-'));
    await writeFile(join(bin, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  });
  afterAll(() => rm(bin, { recursive: true }));

  /** Runs the command with a `curl` that consists of these shell commands. */
  async function run(curl: string, settings?: HostSettings) {
    await writeFile(join(bin, 'curl'), `#!/bin/sh\n${curl}\n`, { mode: 0o755 });
    const server = { url: 'https://muster.example.org', isConfigured: true };
    const methods = installMethods(server, 'TOKEN', { version: '1.0.0', images: [] }, settings);
    const { command } = methods.find(({ id }) => id === 'service')!;
    const { status, stdout } = spawnSync('sh', ['-c', command], { env: { PATH: `${bin}:/usr/bin:/bin` } });
    return { status, stdout: stdout.toString() };
  }

  test('runs the downloaded script with the token', async () => {
    const script = String.raw`printf '%s %s' "$1" "$2"; echo ' \n %s'`;
    await writeFile(join(bin, 'install.sh'), script);
    expect(await run(`[ "$2" = https://muster.example.org/install.sh ] && cat ${join(bin, 'install.sh')}`)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^--token TOKEN \s*\n? ?%s\n$/),
    });
  });

  test('passes the host’s name and labels, whatever characters the name has', async () => {
    await writeFile(join(bin, 'install.sh'), String.raw`shift 2; printf '%s|' "$@"`);
    const name = `it's $(id) "1"`;
    expect(await run(`cat ${join(bin, 'install.sh')}`, { name, labels: 'env=prod,site=fra' })).toEqual({
      status: 0,
      stdout: `--name|${name}|--labels|env=prod,site=fra|`,
    });
  });

  test.each([
    ['the server has no release', 'exit 22'],
    ['the download is interrupted', 'echo echo half; exit 18'],
  ])('fails and runs nothing if %s', async (_why, curl) => {
    const { status, stdout } = await run(curl);
    expect(status).not.toBe(0);
    expect(stdout).toBe('');
  });

  test('fails if the script fails', async () => {
    expect(await run('echo exit 3')).toEqual({ status: 3, stdout: '' });
  });
});

test('each other command has the host’s name and labels as variables', () => {
  const server = { url: 'https://muster.example.org', isConfigured: true };
  const settings = { name: 'edge 1', labels: 'env=prod' };
  const methods = installMethods(server, 'TOKEN', { version: '1.0.0', images: ['x64'] }, settings);
  for (const { id, command } of methods.filter(({ id }) => id !== 'service')) {
    const flag = id === 'node' ? '' : '-e ';
    expect(command).toContain(`${flag}MUSTER_HOST_NAME='edge 1' ${flag}MUSTER_HOST_LABELS=env=prod `);
  }
});
