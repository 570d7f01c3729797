/**
 * Replaces `@better-auth/utils/password` in the tests of this package (see jest.config.js). It uses scrypt in the same
 * format, but with 1/64 of the cost, because the tests hash hundreds of passwords. main.test.ts checks the cost of the
 * real module in a started API.
 */
import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const keyOf = async (password, salt) =>
  (await promisify(scrypt)(password.normalize('NFKC'), salt, 64, { N: 256, r: 16, p: 1 })).toString('hex');

export async function hashPassword(password) {
  const salt = randomBytes(16).toString('hex');
  return `${salt}:${await keyOf(password, salt)}`;
}

export async function verifyPassword(hash, password) {
  const [salt, key] = hash.split(':');
  if (!salt || !key) throw new Error('Invalid password hash');
  return (await keyOf(password, salt)) === key;
}
