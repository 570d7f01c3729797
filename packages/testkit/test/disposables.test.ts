import { expect, test } from '@jest/globals';
import { withDisposables } from '../src/disposables.js';

test('all resources are disposed of in reverse order, even if the action and a disposal fail', async () => {
  const disposed: string[] = [];
  const run = withDisposables(async (use) => {
    for (const name of ['first', 'second']) use(name, (resource) => disposed.push(resource));
    use('third', () => Promise.reject(new Error('of the disposal')));
    throw new Error('of the action');
  });
  await expect(run).rejects.toThrow('of the action');
  expect(disposed).toEqual(['second', 'first']);
});

test('the result is returned after all resources are disposed of, unless a disposal fails', async () => {
  let isDisposed = false;
  const result = await withDisposables(async (use) => use('result', () => (isDisposed = true)));
  expect([result, isDisposed]).toEqual(['result', true]);
  const fail = () => {
    throw new Error('of the disposal');
  };
  await expect(withDisposables(async (use) => use('result', fail))).rejects.toThrow('of the disposal');
});
