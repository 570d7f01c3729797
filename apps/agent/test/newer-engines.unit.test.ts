import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { isInfraContainer, type Container } from '@muster/contracts';
import { findRepoDigest, manifestDigest } from '../src/engine/image-digests.js';
import { InspectedContainer, ListedContainer } from '../src/engine/shapes.js';
import { NOT_INSPECTED, toContainer, toInspected } from '../src/engine/to-container.js';

/** Containers of an engine, with the replies to their list and inspection. */
const readCapture = (engine: string): { list: ListedContainer; inspect: unknown }[] =>
  (
    JSON.parse(readFileSync(new URL(`fixtures/${engine}-containers.json`, import.meta.url), 'utf8')) as {
      list: unknown;
      inspect: unknown;
    }[]
  ).map(({ list, inspect }) => ({ list: ListedContainer.parse(list), inspect }));

function findIn(engine: string): (name: string) => Container {
  const containers = readCapture(engine).map(({ list, inspect }) =>
    toContainer(list, toInspected(InspectedContainer.parse(inspect)), null),
  );
  return (name) => containers.find((each) => each.name === name)!;
}

describe('Podman 5.4', () => {
  const find = findIn('podman-5.4');

  test('the ports come from the inspection, because the list contains only the first port of each range', () => {
    expect(find('h5-range').ports).toEqual([
      { ip: '0.0.0.0', privatePort: 3000, publicPort: 3000, type: 'tcp', count: 5 },
      { ip: '127.0.0.1', privatePort: 4000, publicPort: 3100, type: 'udp', count: 3 },
    ]);
    expect(find('shop-web-1').ports).toContainEqual({ privatePort: 9000, type: 'tcp' });
    expect(find('h5-v6').ports).toEqual([{ ip: '::', privatePort: 80, publicPort: 18086, type: 'tcp' }]);
  });

  test('the ports come from the list if the inspection fails', () => {
    const { list } = readCapture('podman-5.4').find(({ list: { Names } }) => Names[0] === '/h5-range')!;
    expect(toContainer(list, NOT_INSPECTED, null).ports).toHaveLength(2);
  });

  test('the ports of a shared network belong only to the container that owns the network', () => {
    const infra = find('e97b0b7951b3-infra');
    expect(infra.ports.map(({ publicPort, count }) => [publicPort, count])).toEqual([
      [18301, undefined],
      [18310, 3],
    ]);
    expect([find('h5pod-web').ports, find('h5pod-side').ports, find('h5-joined').ports]).toEqual([[], [], []]);
    expect(isInfraContainer(infra)).toBe(true);
    expect(isInfraContainer(find('h5pod-web'))).toBe(false);
  });

  test('a container without an image has the image `<none>` and no image id', () => {
    expect(find('h5-rootfs')).toMatchObject({ image: '<none>', imageId: null });
  });

  test('a container that is being stopped is running', () => {
    expect(find('h5-stopping').state).toBe('running');
  });
});

describe('Docker 29.7', () => {
  const find = findIn('docker-29.7');

  test('the image is the reference at the container’s creation, even after the tag moved or was removed', () => {
    expect([find('h5-oldimg').image, find('h5-untagged').image]).toEqual(['h5/old:1', 'h5/gone:1']);
    expect(find('h5-oldimg').imageId).toMatch(/^sha256:96acdb27df34/);
  });

  test('the ports come from the list, with consecutive ports as ranges', () => {
    expect(find('h5-range').ports).toContainEqual({
      ip: '::',
      privatePort: 3000,
      publicPort: 3000,
      type: 'tcp',
      count: 5,
    });
    expect(find('h5-range').ports).toHaveLength(3);
    expect(find('h5-joined').ports).toEqual([]);
  });

  test('the digest of a container’s manifest includes the platform', () => {
    const [container] = readCapture('docker-29.7');
    expect(manifestDigest(container!.list.ImageManifestDescriptor)).toMatch(/^sha256:8206f4ba[0-9a-f]+ linux\/amd64$/);
    expect(manifestDigest(null)).toBeNull();
  });
});

test.each([
  ['nginx:1.27', ['mirror.test/nginx@sha256:bb', 'nginx@sha256:aa'], 'sha256:aa'],
  ['docker.io/library/nginx', ['docker.io/library/nginx@sha256:aa'], 'sha256:aa'],
  ['docker.io/library/nginx', ['nginx@sha256:aa', 'a/b@sha256:cc'], 'sha256:aa'],
  ['registry.test:5000/team/app', ['registry.test:5000/team/app@sha256:dd', 'a@sha256:cc'], 'sha256:dd'],
  ['nginx@sha256:aa', ['nginx@sha256:aa'], 'sha256:aa'],
  ['sha256:1234', ['z/z@sha256:ee', 'b/b@sha256:dd'], 'sha256:dd'],
  ['demo:1', [], null],
  ['demo:1', ['<none>'], null],
])('for the image %s with the digests %j, the repository digest is %s', (reference, repoDigests, digest) => {
  expect(findRepoDigest(reference, repoDigests)).toBe(digest);
});
