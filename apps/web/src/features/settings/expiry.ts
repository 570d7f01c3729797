import type { ApiKey, EnrollmentToken } from '@muster/contracts';

const DAY_MS = 86_400_000;

/** How long a new API key is valid, either in days or without a limit. */
export type Lifetime = 'never' | '30' | '90' | '365';

/** Returns when a key that is created at `now` (milliseconds, by the server's clock) expires; null if it never does. */
export const expiryOf = (lifetime: Lifetime, now: number): string | null =>
  lifetime === 'never' ? null : new Date(now + Number(lifetime) * DAY_MS).toISOString();

/** Returns whether a key no longer grants access because it was revoked or has expired. */
export const isKeyOver = ({ revokedAt, expiresAt }: Pick<ApiKey, 'revokedAt' | 'expiresAt'>, now: number): boolean =>
  revokedAt !== null || (expiresAt !== null && Date.parse(expiresAt) < now);

/** Returns whether a token can no longer enroll hosts because it was revoked, is used up or has expired. */
export const isTokenOver = (
  { revokedAt, uses, maxUses, expiresAt }: Pick<EnrollmentToken, 'revokedAt' | 'uses' | 'maxUses' | 'expiresAt'>,
  now: number,
): boolean => revokedAt !== null || uses >= maxUses || Date.parse(expiresAt) < now;
