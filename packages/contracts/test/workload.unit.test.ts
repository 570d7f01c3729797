import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deriveWorkload, NAME_LENGTH_MAX, type Workload } from '../src/index.js';

type Labels = Record<string, string>;
const workload = (
  kind: Workload['kind'],
  project: string | null,
  service: string | null,
  instance: string | null = null,
): Workload => ({ kind, project, service, instance });

const compose = (labels: Labels): Labels => ({
  'com.docker.compose.config-hash': 'f1bd2c6d3a1b',
  'com.docker.compose.oneoff': 'False',
  'com.docker.compose.version': '2.29.7',
  ...labels,
});
const swarm = (service: string, task: string, stack?: string): Labels => ({
  'com.docker.swarm.node.id': 'q4f9wq4jz0jvbl7bqkxoeo4a3',
  'com.docker.swarm.service.id': 'uu8hm2tlz1h7e8bgcnlgo6cc5',
  'com.docker.swarm.service.name': service,
  'com.docker.swarm.task': '',
  'com.docker.swarm.task.id': 'z2wyyhk2ksb6fzrq5ih7zyqu1',
  'com.docker.swarm.task.name': task,
  ...(stack === undefined ? {} : { 'com.docker.stack.namespace': stack }),
});
const pod = (namespace: string, name: string, container: string): Labels => ({
  'io.kubernetes.container.logpath': `/var/log/pods/${namespace}_${name}/0.log`,
  'io.kubernetes.container.name': container,
  'io.kubernetes.docker.type': 'container',
  'io.kubernetes.pod.name': name,
  'io.kubernetes.pod.namespace': namespace,
  'io.kubernetes.pod.uid': '0f2c9d1e-6a3b-4f8e-9c57-1b2d3e4f5a6b',
  'io.kubernetes.sandbox.id': '5d4c3b2a1f0e',
});
const kubernetesName = (labels: Labels) =>
  `k8s_${labels['io.kubernetes.container.name']}_${labels['io.kubernetes.pod.name']}_${labels['io.kubernetes.pod.namespace']}_${labels['io.kubernetes.pod.uid']}_3`;
const ALLOCATION = '4d5f8c31-9a2e-11d0-b0c4-7f3a2c1e9d55';
const NODE = 'q4f9wq4jz0jvbl7bqkxoeo4a3';

describe('the workload of a container', () => {
  test.each<[what: string, name: string, labels: Labels, expected: Workload]>([
    ['without labels is its name', 'web', {}, workload('plain', null, 'web')],
    ['without a project label is its name', 'web', compose({}), workload('plain', null, 'web')],
    [
      'of a one-off command is no copy of the service',
      'shop-web-run-1f2e',
      compose({
        'com.docker.compose.project': 'shop',
        'com.docker.compose.service': 'web',
        'com.docker.compose.container-number': '1',
        'com.docker.compose.oneoff': 'True',
      }),
      workload('compose', 'shop', 'web', 'shop-web-run-1f2e'),
    ],
    [
      'of Docker Compose has project, service and number',
      'shop-web-2',
      compose({
        'com.docker.compose.project': 'shop',
        'com.docker.compose.service': 'web',
        'com.docker.compose.container-number': '2',
      }),
      workload('compose', 'shop', 'web', '2'),
    ],
    [
      'of Docker Compose stays the same under the temporary name of a recreation',
      '3f2a9c1b7d4e_shop-web-2',
      compose({
        'com.docker.compose.project': 'shop',
        'com.docker.compose.service': 'web',
        'com.docker.compose.container-number': '2',
        'com.docker.compose.replace': '3f2a9c1b7d4e',
      }),
      workload('compose', 'shop', 'web', '2'),
    ],
    [
      'of Podman Compose is known from its own labels',
      'shop_web_1',
      {
        'io.podman.compose.project': 'shop',
        'io.podman.compose.service': 'web',
        'com.docker.compose.container-number': '1',
      },
      workload('compose', 'shop', 'web', '1'),
    ],
    [
      'of a stack has the service without the prefix of the stack, and the slot',
      'shop_web.1.z2wyyhk2ksb6fzrq5ih7zyqu1',
      swarm('shop_web', 'shop_web.1.z2wyyhk2ksb6fzrq5ih7zyqu1', 'shop'),
      workload('swarm', 'shop', 'web', '1'),
    ],
    [
      'of a global service has the node instead of a slot',
      `shop_agent.${NODE}.ab12`,
      swarm('shop_agent', `shop_agent.${NODE}.ab12`, 'shop'),
      workload('swarm', 'shop', 'agent', NODE),
    ],
    [
      'of a service without a stack has no project',
      'web.3.x',
      swarm('web', 'web.3.x'),
      workload('swarm', null, 'web', '3'),
    ],
    [
      'of a renamed task is known from the label with its name',
      'web-before-debugging',
      swarm('shop_web', 'shop_web.2.x', 'shop'),
      workload('swarm', 'shop', 'web', '2'),
    ],
    [
      'of a service whose name does not begin with its stack keeps the whole name',
      'web.1.x',
      swarm('web', 'web.1.x', 'shop'),
      workload('swarm', 'shop', 'web', '1'),
    ],
    ...(
      [
        ['Deployment', 'web-6d4cf56db6-x2b9k', 'web', '6d4cf56db6-x2b9k'],
        ['StatefulSet', 'postgres-0', 'postgres', '0'],
        ['StatefulSet with a number in its name', 'kafka-2-11', 'kafka-2', '11'],
        ['DaemonSet', 'node-exporter-7vxzq', 'node-exporter', '7vxzq'],
        ['Job', 'migrate-bzl5w', 'migrate', 'bzl5w'],
        ['CronJob', 'backup-29381760-q8wld', 'backup', '29381760-q8wld'],
        ['static pod', 'etcd-control-plane', 'etcd-control-plane', null],
        ['pod without an owner', 'debug', 'debug', null],
      ] as const
    ).map(([owner, name, service, instance]): [string, string, Labels, Workload] => {
      const labels = pod('prod', name, 'app');
      return [
        `of a pod of a ${owner} has namespace, owner and container`,
        kubernetesName(labels),
        labels,
        workload('kubernetes', 'prod', `${service}/app`, instance),
      ];
    }),
    [
      'of Nomad is known from the default label and the name',
      `web-${ALLOCATION}`,
      { 'com.hashicorp.nomad.alloc_id': ALLOCATION },
      workload('nomad', null, 'web', '4d5f8c31'),
    ],
    [
      'of Nomad has the job if its driver adds it',
      `web-${ALLOCATION}`,
      {
        'com.hashicorp.nomad.alloc_id': ALLOCATION,
        'com.hashicorp.nomad.job_name': 'shop',
        'com.hashicorp.nomad.task_group_name': 'frontend',
        'com.hashicorp.nomad.task_name': 'web',
      },
      workload('nomad', 'shop', 'web', '4d5f8c31'),
    ],
    [
      'ignores empty labels',
      'web',
      { 'com.docker.compose.project': '', 'com.docker.swarm.service.name': '', 'io.kubernetes.pod.name': '' },
      workload('plain', null, 'web'),
    ],
  ])('%s', (_, name, labels, expected) => {
    expect(deriveWorkload({ name, labels })).toEqual(expected);
  });

  test('has a bounded size for any labels', () => {
    const huge = `${'a-'.repeat(2_000)}💥`;
    const keys = [
      'com.docker.compose.project',
      'com.docker.swarm.service.name',
      'com.docker.stack.namespace',
      'io.kubernetes.pod.name',
      'io.kubernetes.pod.namespace',
      'com.hashicorp.nomad.alloc_id',
    ];
    for (const key of keys) {
      const labels = Object.fromEntries([...keys.slice(keys.indexOf(key)), '__proto__'].map((each) => [each, huge]));
      const { kind, ...texts } = deriveWorkload({ name: huge.slice(0, NAME_LENGTH_MAX), labels });
      expect(kind).not.toBe('plain');
      for (const text of Object.values(texts)) expect((text ?? '').length).toBeLessThanOrEqual(NAME_LENGTH_MAX);
    }
  });

  test('is well-formed, not empty and deterministic for any name and labels', () => {
    const key = fc.constantFrom(
      'com.docker.compose.project',
      'com.docker.compose.service',
      'com.docker.swarm.service.name',
      'com.docker.swarm.task.name',
      'com.docker.stack.namespace',
      'io.kubernetes.pod.name',
      'io.kubernetes.pod.namespace',
      'io.kubernetes.container.name',
      'com.hashicorp.nomad.alloc_id',
      'com.hashicorp.nomad.task_name',
      'constructor',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('shop', 'shop_', 'shop_web', 'shop_web.', 'shop_web.1.x', 'web-0', '-'),
      fc.integer({ min: 1_000, max: 1_100 }).map((length) => `${'x'.repeat(length)}💥`.repeat(2)),
    );
    fc.assert(
      fc.property(text, fc.dictionary(key, text, { maxKeys: 5 }), (name, labels) => {
        const container = { name: name === '' ? '-' : name.slice(0, NAME_LENGTH_MAX).toWellFormed(), labels };
        const derived = deriveWorkload(container);
        const isValid = (value: string | null) =>
          value === null || (value !== '' && value.length <= NAME_LENGTH_MAX && value.isWellFormed());
        const { kind, ...texts } = derived;
        return (
          Object.values(texts).every(isValid) &&
          JSON.stringify(deriveWorkload({ ...container })) === JSON.stringify(derived) &&
          (kind !== 'plain' || derived.service === container.name)
        );
      }),
    );
  });
});
