import { expect, test } from '@jest/globals';
import { displayImage } from '../src/image-name.js';
import { isInfraContainer } from '../src/workload.js';

const ID = `c6b29e83d5ae${'0'.repeat(52)}`;

test.each([
  ['Podman 5.4', 'e97b0b7951b3-infra', 'localhost/podman-pause:5.4.2-1766335321', {}, true],
  ['Podman 5.8, without an image', 'e97b0b7951b3-infra', '<none>', {}, true],
  ['Kubernetes', 'k8s_POD_web', 'rancher/mirrored-pause:3.6', { 'io.kubernetes.docker.type': 'podsandbox' }, true],
  [
    'Kubernetes’ image',
    'k8s_POD_web',
    'registry.k8s.io/pause:3.9',
    { 'io.kubernetes.docker.type': 'podsandbox' },
    true,
  ],
  ['only the name, as with --infra-image', 'ba75a1f2d7b3-infra', 'localhost/test/bb:1', {}, false],
  ['only the image, as with --infra-name', 'my-infra', 'localhost/podman-pause:4.3.1-0', {}, false],
  ['only the label', 'web', 'nginx:1', { 'io.kubernetes.docker.type': 'podsandbox' }, false],
  ['another container of Kubernetes', 'k8s_web', 'nginx', { 'io.kubernetes.docker.type': 'container' }, false],
  ['a container with a similar name', 'prod-infra', 'nginx:1', {}, false],
  ['a container with a similar image', 'pause', 'registry.test/pause-screen:1', {}, false],
])(
  'a container counts as an infra container only if two signs occur together: %s',
  (_, name, image, labels, isInfra) => {
    expect(isInfraContainer({ name, image, labels })).toBe(isInfra);
  },
);

test.each([
  ['nginx:1.27', `sha256:${ID}`, 'nginx:1.27'],
  [`sha256:${ID}`, `sha256:${ID}`, '<none> (c6b29e83d5ae)'],
  ['<none>', `sha256:${ID}`, '<none> (c6b29e83d5ae)'],
  ['<none>', null, '<none>'],
])('the image %s with the id %s is displayed as %s', (image, imageId, shown) => {
  expect(displayImage({ image, imageId })).toBe(shown);
});
