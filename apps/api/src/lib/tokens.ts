import { hash, randomBytes } from 'node:crypto';
import { formatToken, TOKEN_RANDOM_BYTES, type TokenKind } from '@muster/contracts';

/** A new token. Its text is shown to the holder once, and its hash is stored. */
export interface IssuedToken {
  token: string;
  hash: Uint8Array<ArrayBuffer>;
}

/**
 * Returns the SHA-256 of a token. A token has 256 random bits, so a slow or salted hash would add cost but no security.
 */
export const hashToken = (token: string): Uint8Array<ArrayBuffer> => new Uint8Array(hash('sha256', token, 'buffer'));

/** Creates a token with 256 random bits. */
export function issueToken(kind: TokenKind): IssuedToken {
  const token = formatToken(kind, randomBytes(TOKEN_RANDOM_BYTES));
  return { token, hash: hashToken(token) };
}
