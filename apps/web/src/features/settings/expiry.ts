import type { ApiKey, EnrollmentToken } from '@muster/contracts';

const DAY_MS = 86_400_000;

/** How long a new API key is valid: a number of days, or without end. */
export type Lifetime = 'never' | '30' | '90' | '365';

/** Returns when a key that is created `now` (ms, by the server's clock) expires; null: never. */
export const expiryOf = (lifetime: Lifetime, now: number): string | null =>
  lifetime === 'never' ? null : new Date(now + Number(lifetime) * DAY_MS).toISOString();

/** Whether a key no longer gives access: it was revoked or has expired. */
export const isKeyOver = ({ revokedAt, expiresAt }: Pick<ApiKey, 'revokedAt' | 'expiresAt'>, now: number): boolean =>
  revokedAt !== null || (expiresAt !== null && Date.parse(expiresAt) < now);

/** Whether a token enrolls no more hosts: it was revoked, is used up or has expired. */
export const isTokenOver = (
  { revokedAt, uses, maxUses, expiresAt }: Pick<EnrollmentToken, 'revokedAt' | 'uses' | 'maxUses' | 'expiresAt'>,
  now: number,
): boolean => revokedAt !== null || uses >= maxUses || Date.parse(expiresAt) < now;
