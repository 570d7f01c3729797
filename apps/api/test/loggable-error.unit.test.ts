import { describe, expect, test } from '@jest/globals';
import { loggableError } from '../src/lib/loggable-error.js';

describe('an error in the log', () => {
  test('contains its type, message and cause, and no other details', () => {
    const cause = Object.assign(new Error('violates check constraint'), {
      code: '23514',
      detail: 'Failing row contains (secret)',
      where: 'secret',
      meta: { values: ['secret'] },
    });
    const logged = loggableError(new TypeError('the write failed', { cause }));
    expect(logged).toMatchObject({
      type: 'TypeError',
      message: 'the write failed',
      cause: { message: 'violates check constraint', code: '23514' },
    });
    expect(logged.stack).toContain('loggable-error.unit.test');
    expect(JSON.stringify(logged)).not.toContain('secret');
  });

  test('has only its type if it is not an Error', () => {
    expect(loggableError('secret')).toEqual({ type: 'string', message: 'non-Error value thrown' });
  });

  test('is logged with at most six levels of causes if it is its own cause', () => {
    const error = new Error('round');
    error.cause = error;
    expect(JSON.stringify(loggableError(error)).match(/"message":"round"/g)).toHaveLength(6);
  });
});
