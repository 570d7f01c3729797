import { expect, test } from '@jest/globals';
import type { z } from 'zod';
import { Operations, type Operation } from '../src/index.js';

const withParams = Object.entries<Operation>(Operations).filter(([, { path }]) => path.includes(':'));

test.each(withParams)('%s has a schema for each parameter of its path, and a name for its resource', (_, of) => {
  const names = [...of.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  expect(Object.keys((of.params as z.ZodObject).shape)).toEqual(names);
  expect(of.resource).toMatch(/^\w[\w ]+$/);
});

test('no two operations have the same method and path', () => {
  const calls = Object.values<Operation>(Operations).map(({ method, path }) => `${method} ${path}`);
  expect(new Set(calls).size).toBe(calls.length);
});
