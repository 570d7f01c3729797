import { describe, expect, test } from '@jest/globals';
import { HostFacts } from '@muster/contracts';
import { toHostFacts } from '../src/engine/host-facts.js';
import { factsWithoutEngine, toMachineFacts } from '../src/engine/identity.js';
import { externalAddresses, readMachine } from '../src/engine/machine.js';
import { InfoReply, VersionReply } from '../src/engine/shapes.js';

const SETTINGS = { hostName: null, hostLabels: { env: 'prod' } };
const version = VersionReply.parse({ Version: '28.5.2', Components: [{ Name: 'Engine' }] });
const info = InfoReply.parse({ ID: 'D1', Name: 'rack-7', KernelVersion: '6.1.0', NCPU: 4, MemTotal: 8_000_000_000 });
const nameOf = (ownHostname: string, reply: InfoReply | null, hostName: string | null = null) => {
  const machine = readMachine({ ...SETTINGS, hostName }, true, ownHostname);
  const { name, reported } = toMachineFacts(version, reply, { ...machine, machineId: null });
  return [name, reported.name];
};

describe('the host’s name', () => {
  test('is the name of the engine’s machine if the agent runs in a container', () => {
    const container = '0123456789ab';
    expect(nameOf(container, info)).toEqual(['rack-7', 'rack-7']);
    expect(factsWithoutEngine(readMachine(SETTINGS, true, container))).toMatchObject({
      name: 'unnamed',
      reported: { labels: { env: 'prod' } },
    });
    expect(nameOf(container, null)).toEqual(['unnamed', undefined]);
  });

  test('is the name in the settings, if they contain a name', () => {
    expect(nameOf('machine', info, 'edge-1')).toEqual(['edge-1', 'edge-1']);
    expect(nameOf('machine', null, 'edge-1')).toEqual(['edge-1', 'edge-1']);
  });

  test('is the machine’s hostname if the engine does not report a name', () => {
    expect(nameOf('machine', InfoReply.parse({}))).toEqual(['machine', 'machine']);
    // After a failure of /info, the previously reported name stays.
    expect(nameOf('machine', null)).toEqual(['machine', undefined]);
  });
});

test('an identity is certain only if the engine has reported an id or a directory', () => {
  const machine = { ...readMachine(SETTINGS, true, 'machine'), machineId: 'f'.repeat(32) };
  expect(toMachineFacts(version, info, machine).isIdentityCertain).toBe(true);
  expect(toMachineFacts(version, null, machine).isIdentityCertain).toBe(false);
});

describe('the addresses', () => {
  const address = (value: string, internal = false) => ({ address: value, internal }) as never;

  test('contain only addresses that other machines can use, IPv4 first', () => {
    const interfaces = {
      lo: [address('127.0.0.1', true), address('::1', true)],
      eth0: [address('2001:db8::5'), address('fe80::1'), address('192.0.2.5')],
      docker0: [address('172.17.0.1')],
      'br-0123456789ab': [address('172.18.0.1')],
      veth12: [address('10.1.1.1')],
      'br-lan': [address('10.0.0.5'), address('169.254.3.4')],
      empty: undefined,
    };
    expect(externalAddresses(interfaces)).toEqual(['192.0.2.5', '10.0.0.5', '2001:db8::5']);
    const many = { eth0: Array.from({ length: 40 }, (_, index) => address(`10.0.0.${index}`)) };
    expect(HostFacts.safeParse({ addresses: externalAddresses(many) }).success).toBe(true);
  });

  test('are omitted in a container and for an engine on another machine', () => {
    expect(readMachine(SETTINGS, true, '0123456789ab').addresses).toBeNull();
    expect(readMachine(SETTINGS, false, 'machine').addresses).toBeNull();
  });
});

describe('the facts of the engine', () => {
  const machine = readMachine(SETTINGS, false, 'machine');

  test.each([
    [{ SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'] }, { rootless: true }],
    [{ Rootless: true, SecurityOptions: [] }, { rootless: true }],
    [
      { SecurityOptions: null, CgroupVersion: '2', Driver: 'overlay2' },
      { cgroupVersion: '2', storageDriver: 'overlay2' },
    ],
    [{ Swarm: { LocalNodeState: 'inactive', NodeID: '' } }, { swarmRole: null, swarmNodeId: null }],
    [
      { Swarm: { LocalNodeState: 'active', NodeID: 'n1', ControlAvailable: true } },
      { swarmRole: 'manager', swarmNodeId: 'n1' },
    ],
    [{ Swarm: { LocalNodeState: 'active', NodeID: 'n2' } }, { swarmRole: 'worker', swarmNodeId: 'n2' }],
  ])('are read from /info: %j', (reply, expected) => {
    expect(toHostFacts(machine, InfoReply.parse(reply)).engineFacts).toMatchObject(expected);
  });

  test('do not contain values that the API would refuse', () => {
    const reply = InfoReply.parse({ KernelVersion: '', NCPU: 0, MemTotal: 1.5, Driver: 'd'.repeat(300) });
    const facts = toHostFacts(machine, reply);
    expect(HostFacts.safeParse(facts).success).toBe(true);
    expect(Object.keys(facts).sort()).toEqual(['addresses', 'engineFacts', 'labels', 'name']);
  });
});
