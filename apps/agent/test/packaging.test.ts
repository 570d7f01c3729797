import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

/*
 * No image can be pulled where these tests run: image and compose file are held to their promises as texts. What the
 * agent asks of an engine at all is held by least-privilege.test.ts.
 */
const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../packaging/${name}`, import.meta.url)), 'utf8');

/** A version, and what it was when it was chosen: a tag alone may be another image tomorrow. */
const PINNED = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

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
    'gives %s a read-only file system, no capability, no way to more, and a bound',
    (_, service) => {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges'] });
      expect(service.mem_limit).toMatch(/^\d+m$/);
      const more = ['privileged', 'cap_add', 'devices', 'pid', 'ipc', 'network_mode', 'ports', 'userns_mode'];
      expect(more.filter((key) => key in service)).toEqual([]);
    },
  );

  test('shows the engine’s socket to the proxy alone, and nothing else of the machine to anybody', () => {
    expect(proxy.volumes).toEqual(['/var/run/docker.sock:/var/run/docker.sock:ro']);
    expect(agent.volumes).toEqual(['state:/var/lib/muster-agent']);
    expect(Object.keys(services)).toEqual(['engine-proxy', 'agent']);
  });

  test('runs the proxy from a pinned image, as nobody, where only the agent can reach it', () => {
    expect(proxy.image).toMatch(PINNED);
    expect(proxy.user).toMatch(/^65534:/);
    expect(proxy.command).toContain('-allowfrom=agent');
    expect(proxy.networks).toEqual(['engine']);
    expect(networks['engine']).toEqual({ internal: true });
    expect(agent.networks).toContain('engine');
  });

  test('has the proxy pass the six reads of the agent, in every version, and no other call', () => {
    const allowed = proxy.command!.filter((argument) => /^-allow[A-Z]/.test(argument));
    expect(allowed.map((argument) => argument.split('=')[0])).toEqual(['-allowGET']);
    // The proxy looks at the path alone, and wants all of it to match.
    const pattern = new RegExp(`^(?:${allowed[0]!.slice('-allowGET='.length)})$`);
    const id = 'f'.repeat(64);
    const reads = ['/_ping', '/version', '/info', '/containers/json', `/containers/${id}/json`, '/events'];
    for (const path of reads) for (const version of ['', '/v1.24', '/v1.52']) expect(version + path).toMatch(pattern);
    const others = [
      ...['/', '/containers', '/images/json', '/secrets', '/swarm', '/system/df', '/plugins', '/networks', '/volumes'],
      ...['logs', 'archive', 'export', 'top', 'stats', 'attach/ws', 'changes'].map((of) => `/containers/${id}/${of}`),
      ...[`/exec/${id}/json`, `/containers/${id}/archive/json`, '/events/x', '/x/info', '/v1.52/v1.52/info'],
    ];
    for (const path of others) for (const version of ['', '/v1.52']) expect(version + path).not.toMatch(pattern);
  });
});

describe('the image', () => {
  /** Instructions with their arguments; a line that goes on is one with the next. */
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
  const of = (name: string): string[] => last.filter((each) => each.name === name).map(({ rest }) => rest);

  test('is made from pinned ones', () => {
    const bases = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
    expect(bases).toHaveLength(2);
    for (const base of bases) expect(base).toMatch(PINNED);
  });

  test('runs as no root, by number, so that a cluster can tell', () => {
    expect(of('USER')).toEqual(['65532:65532']);
    expect(of('COPY').filter((copy) => copy.includes('/var/lib/'))).toEqual([
      '--from=build --chown=65532:65532 /state /var/lib/muster-agent',
    ]);
  });

  test('holds the executable and an empty directory, takes nothing of the checkout, and starts without a shell', () => {
    expect(of('COPY').every((copy) => copy.startsWith('--from=build '))).toBe(true);
    expect(of('COPY')).toHaveLength(2);
    expect([of('RUN'), of('ADD'), of('EXPOSE')]).toEqual([[], [], []]);
    expect(JSON.parse(of('ENTRYPOINT')[0]!)).toEqual(['/usr/local/bin/muster-agent']);
  });
});
