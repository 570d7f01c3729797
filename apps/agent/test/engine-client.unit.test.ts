import { describe, expect, test } from '@jest/globals';
import { negotiateApiVersion } from '../src/engine/api-version.js';
import { toMachineFacts } from '../src/engine/identity.js';
import { InfoReply, VersionReply } from '../src/engine/shapes.js';

test.each([
  ['1.41', '1.41'],
  ['1.52', '1.52'],
  ['1.55', '1.52'],
  ['2.0', '1.52'],
  ['odd', 'odd'],
])('calls an engine that offers API version %s with version %s', (offered, negotiated) => {
  expect(negotiateApiVersion(offered)).toBe(negotiated);
});

describe('a machine’s identity', () => {
  const docker = VersionReply.parse({
    Version: '28.5.2',
    ApiVersion: '1.51',
    Os: 'linux',
    Arch: 'amd64',
    Components: [{ Name: 'Engine' }],
  });
  const podman = VersionReply.parse({ Version: '4.3.1', ApiVersion: '1.41', Components: [{ Name: 'Podman Engine' }] });
  const info = (fields: object) =>
    InfoReply.parse({ Name: 'vm', OperatingSystem: 'Debian', DockerRootDir: '/d', ...fields });
  const ownMachine = { configuredName: null, hostname: 'h', labels: {}, addresses: null };
  const machine = { ...ownMachine, machineId: 'f'.repeat(32) };

  test('is the id that Docker reports', () => {
    expect(toMachineFacts(docker, info({ ID: 'D1' }), machine)).toMatchObject({
      name: 'vm',
      engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
      os: 'Debian',
      arch: 'amd64',
      engineId: 'D1',
    });
  });

  test('is derived from the machine id for Podman, because Podman returns a random id in each response', () => {
    const [one, two] = ['P1', 'P2'].map((ID) => toMachineFacts(podman, info({ ID }), machine).engineId);
    expect(one).toBe(two);
    expect(one).toMatch(/^machine-[0-9a-f]{32}$/);
    expect(one).not.toContain(machine.machineId);
  });

  test('differs between two engines on one machine', () => {
    const [rootful, rootless] = ['/var', '/home'].map(
      (DockerRootDir) => toMachineFacts(podman, info({ DockerRootDir }), machine).engineId,
    );
    expect(rootful).not.toBe(rootless);
  });

  test('is null if neither the engine nor the machine has an id', () => {
    expect(toMachineFacts(podman, null, { ...ownMachine, machineId: null })).toMatchObject({
      name: 'h',
      engineId: null,
    });
  });
});
