import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { receivesSecurityFixes } from '../scripts/node-archives.js';
import { SETTINGS } from '../src/config/settings.js';

/*
 * The tests cannot pull images and therefore check only the texts of the Dockerfile and the compose file.
 * least-privilege.test.ts checks which calls the agent makes to an engine.
 */
const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../packaging/${name}`, import.meta.url)), 'utf8');

/** Matches an image with a tag and without a digest. The tests cannot pull images, so they cannot verify a digest. */
const TAGGED = /^[\w./-]+:[\w.-]+$/;

interface Service {
  image?: string;
  command?: string[];
  user?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  volumes?: string[];
  networks?: string[];
  [key: string]: unknown;
}

describe('the compose file', () => {
  const { services, networks } = parse(read('compose.yaml')) as {
    services: Record<string, Service>;
    networks: Record<string, { internal?: boolean } | null>;
  };
  const [proxy, agent] = [services['engine-proxy']!, services['agent']!];

  test.each(Object.entries(services))(
    'gives %s a read-only file system, no capabilities, no new privileges and a memory limit',
    (_, service) => {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges'] });
      expect(service.mem_limit).toMatch(/^\d+m$/);
      const more = ['privileged', 'cap_add', 'devices', 'pid', 'ipc', 'network_mode', 'ports', 'userns_mode'];
      expect(more.filter((key) => key in service)).toEqual([]);
    },
  );

  test('mounts only the engine’s socket, and only into the proxy', () => {
    expect(proxy.volumes).toEqual(['/var/run/docker.sock:/var/run/docker.sock:ro']);
    expect(agent.volumes).toEqual(['state:/var/lib/muster-agent']);
    expect(Object.keys(services)).toEqual(['engine-proxy', 'agent']);
  });

  test('runs the proxy from one release of its image as an unprivileged user, and only the agent can connect to it', () => {
    expect(proxy.image).toMatch(TAGGED);
    expect(proxy.image).toMatch(/:\d+\.\d+\.\d+$/);
    expect(proxy.user).toMatch(/^65534:/);
    expect(proxy.command).toContain('-allowfrom=agent');
    expect(proxy.networks).toEqual(['engine']);
    expect(networks['engine']).toEqual({ internal: true });
    expect(agent.networks).toContain('engine');
  });

  test('configures the proxy to allow only the agent’s six read calls, in every API version', () => {
    const allowed = proxy.command!.filter((argument) => /^-allow[A-Z]/.test(argument));
    expect(allowed.map((argument) => argument.split('=')[0])).toEqual(['-allowGET']);
    // The proxy matches the pattern against the whole path, without the query.
    const pattern = new RegExp(`^(?:${allowed[0]!.slice('-allowGET='.length)})$`);
    const id = 'f'.repeat(64);
    const reads = ['/_ping', '/version', '/info', '/containers/json', `/containers/${id}/json`, '/events'];
    for (const path of reads) for (const version of ['', '/v1.24', '/v1.52']) expect(version + path).toMatch(pattern);
    const others = [
      '/',
      '/containers',
      '/images/json',
      '/secrets',
      '/swarm',
      '/system/df',
      '/plugins',
      '/networks',
      '/volumes',
      ...['logs', 'archive', 'export', 'top', 'stats', 'attach/ws', 'changes'].map(
        (name) => `/containers/${id}/${name}`,
      ),
      `/exec/${id}/json`,
      `/containers/${id}/archive/json`,
      '/events/x',
      '/x/info',
      '/v1.52/v1.52/info',
    ];
    for (const path of others) for (const version of ['', '/v1.52']) expect(version + path).not.toMatch(pattern);
  });
});

describe('the image', () => {
  /** The instructions of the Dockerfile with their arguments. An instruction on several lines becomes one line. */
  const instructions = read('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line)!;
      return { name, rest };
    });
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const argumentsOf = (name: string): string[] => last.filter((each) => each.name === name).map(({ rest }) => rest);

  test('contains a Node.js that still receives security fixes', () => {
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]!);
    for (const base of bases) expect(base).toMatch(TAGGED);
    // The executable contains the Node.js of the image in which it is built.
    expect(receivesSecurityFixes(/^node:(\d+)/.exec(bases[0]!)![1]!)).toBe(true);
  });

  test('runs as a numeric non-root user, which Kubernetes can verify', () => {
    expect(argumentsOf('USER')).toEqual(['65532:65532']);
    expect(argumentsOf('COPY').filter((copy) => copy.includes('/var/lib/'))).toEqual([
      '--from=build --chown=65532:65532 /state /var/lib/muster-agent',
    ]);
  });

  test('contains only the executable and an empty state directory, and starts without a shell', () => {
    expect(argumentsOf('COPY').every((copy) => copy.startsWith('--from=build '))).toBe(true);
    expect(argumentsOf('COPY')).toHaveLength(2);
    expect([argumentsOf('RUN'), argumentsOf('ADD'), argumentsOf('EXPOSE')]).toEqual([[], [], []]);
    expect(JSON.parse(argumentsOf('ENTRYPOINT')[0]!)).toEqual(['/usr/local/bin/muster-agent']);
  });
});

describe('install.sh', () => {
  test('writes only settings that the agent accepts to the configuration file', () => {
    const kept = /^KEPT_SETTINGS='([^']*)'$/m.exec(read('install.sh'))![1]!.split(/\s+/);
    expect(kept.length).toBeGreaterThan(5);
    const known: string[] = SETTINGS.map(({ variable }) => variable);
    expect(kept.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('the service files', () => {
  const unit = read('muster-agent.service');
  const initScript = read('muster-agent.openrc');

  test('start the same command with the same files', () => {
    expect(unit).toMatch(/^ExecStart=\/usr\/local\/bin\/muster-agent run$/m);
    expect(initScript).toMatch(/^command=\/usr\/local\/bin\/muster-agent\ncommand_args=run$/m);
    for (const line of ['MUSTER_STATE_DIR=/var/lib/muster-agent', 'MUSTER_CONFIG=/etc/muster-agent/config']) {
      expect([unit, initScript].map((text) => text.includes(line))).toEqual([true, true]);
    }
  });
});
