import { expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { MUSTER_VERSION } from '../src/index.js';

const ROOT = new URL('../../../', import.meta.url);

test('every package.json has the version of Muster', () => {
  const folders = ['apps', 'packages'].flatMap((parent) =>
    readdirSync(new URL(parent, ROOT)).map((name) => `${parent}/${name}/`),
  );
  const versionOf = (folder: string): unknown =>
    (JSON.parse(readFileSync(new URL(`${folder}package.json`, ROOT), 'utf8')) as { version?: unknown }).version;
  const versions = Object.fromEntries(['', 'deploy/image/', ...folders].map((folder) => [folder, versionOf(folder)]));
  expect(Object.values(versions).length).toBeGreaterThan(10);
  expect(versions).toEqual(Object.fromEntries(Object.keys(versions).map((folder) => [folder, MUSTER_VERSION])));
});
