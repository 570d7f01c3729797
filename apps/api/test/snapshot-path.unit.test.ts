import { expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../../', import.meta.url);
const source = new URL('apps/api/src/', root);

test('the diagram of a snapshot’s path contains each file once, and each of these files exists', () => {
  const architecture = readFileSync(new URL('ARCHITECTURE.md', root), 'utf8');
  const [, picture = ''] = /```mermaid\n(.*?)```/s.exec(architecture) ?? [];
  const [outside = '', inSync = ''] = picture.split('subgraph sync');
  const names = (text: string) => [...text.matchAll(/\["([\w./-]+\.ts)/g)].map(([, name]) => name!);
  const files = [...names(outside), ...names(inSync).map((name) => `services/sync/${name}`)];
  expect(files.length).toBeGreaterThan(10);
  expect(new Set(files).size).toBe(files.length);
  expect(files.filter((file) => !existsSync(new URL(file, source)))).toEqual([]);
});
