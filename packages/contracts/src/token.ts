/**
 * A bearer token consists of a prefix for its kind, 43 base62 characters (256 random bits) and a 6-character checksum
 * of all preceding characters. With the checksum, a typo is detected without a database query, and secret scanners can
 * verify a match.
 */

/** The prefix of each kind of token. */
export const TokenPrefixes = {
  agent: 'muster_agent_',
  enroll: 'muster_enroll_',
  key: 'muster_key_',
  /** The token in the link that creates the owner's account. */
  setup: 'muster_setup_',
  /** The token in an invitation link. */
  invite: 'muster_invite_',
} as const;
export type TokenKind = keyof typeof TokenPrefixes;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

/** The number of random bytes that `formatToken` requires: 256 bits. */
export const TOKEN_RANDOM_BYTES = 32;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** Computes the CRC-32 (IEEE 802.3, as in zip and PNG) of ASCII text. */
function crc32(ascii: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < ascii.length; i++) crc = CRC_TABLE[(crc ^ ascii.charCodeAt(i)) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function base62(value: bigint, length: number): string {
  let digits = '';
  for (let rest = value; rest > 0n; rest /= 62n) digits = ALPHABET[Number(rest % 62n)]! + digits;
  return digits.padStart(length, '0');
}

const withChecksum = (body: string): string => body + base62(BigInt(crc32(body)), CHECKSUM_LENGTH);

/** Formats `TOKEN_RANDOM_BYTES` random bytes as a token. @throws RangeError for any other number of bytes. */
export function formatToken(kind: TokenKind, random: Uint8Array): string {
  if (random.length !== TOKEN_RANDOM_BYTES) throw new RangeError(`a token requires ${TOKEN_RANDOM_BYTES} random bytes`);
  const value = random.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return withChecksum(TokenPrefixes[kind] + base62(value, RANDOM_LENGTH));
}

/** Returns a token's kind, or null if its prefix, characters, length or checksum are wrong. */
export function tokenKind(token: string): TokenKind | null {
  const match = /^muster_(agent|enroll|key|setup|invite)_[0-9A-Za-z]{49}$/.exec(token);
  if (!match || withChecksum(token.slice(0, -CHECKSUM_LENGTH)) !== token) return null;
  return match[1] as TokenKind;
}
