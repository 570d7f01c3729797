import type { ApiKey, EnrollmentToken } from '@muster/contracts';

const DAY_MS = 86_400_000;

/** The number of days for which a new API key is valid, or `never` if the key never expires. */
export type Lifetime = 'never' | '30' | '90' | '365';

/**
 * Returns when a key that is created now expires, or null if it never expires. `now` is the server's time in
 * milliseconds.
 */
export const toExpiresAt = (lifetime: Lifetime, now: number): string | null =>
  lifetime === 'never' ? null : new Date(now + Number(lifetime) * DAY_MS).toISOString();

/** Returns whether a key no longer grants access because it was revoked or has expired. */
export const isKeyInvalid = ({ revokedAt, expiresAt }: Pick<ApiKey, 'revokedAt' | 'expiresAt'>, now: number): boolean =>
  revokedAt !== null || (expiresAt !== null && Date.parse(expiresAt) < now);

/** Returns whether a token can no longer enroll hosts because it was revoked, is used up or has expired. */
export const isTokenInvalid = (
  { revokedAt, uses, maxUses, expiresAt }: Pick<EnrollmentToken, 'revokedAt' | 'uses' | 'maxUses' | 'expiresAt'>,
  now: number,
): boolean => revokedAt !== null || uses >= maxUses || Date.parse(expiresAt) < now;
