/**
 * Wire types for accounts. Request bodies are strict objects, so the API refuses a misspelled field. If the API ignored
 * such a field, the intended field would get its default without notice. For example, an API key would never expire.
 */
import { z } from 'zod';
import { Instant } from './instant.js';
import { DISPLAY_NAME_LENGTH_MAX, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './limits.js';
import { displayName, text } from './text.js';

const Timestamp = z.iso.datetime();
const Email = z.email().max(254);
const Name = displayName(DISPLAY_NAME_LENGTH_MAX);

/** A new password. */
const NewPassword = text(PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX);

/** An existing password. The minimum length applies only when a password is chosen. */
const Password = text(1, PASSWORD_LENGTH_MAX);

/** An API key's role. A `viewer` can read, and an `admin` can also write. */
export const Role = z.enum(['admin', 'viewer']);
export type Role = z.output<typeof Role>;

/** A member's role. A `viewer` can read, an `admin` can also write, and an `owner` can also manage members. */
export const MemberRole = z.enum(['owner', 'admin', 'viewer']);
export type MemberRole = z.output<typeof MemberRole>;

/**
 * The available ways to sign in. `setupRequired` is true until the owner creates the first account with the setup link
 * that `start` prints.
 */
export const SignInOptions = z.object({
  setupRequired: z.boolean(),
  /** The OpenID Connect provider: its display name and the path that starts a sign-in. Null if none is configured. */
  oidc: z.object({ name: z.string(), startPath: z.string() }).nullable(),
});
export type SignInOptions = z.output<typeof SignInOptions>;

/** The reason why a sign-in with the identity provider failed. The sign-in page gets it as `why=oidc-<reason>`. */
export type OidcFailure =
  /** The provider cannot be reached or refuses Muster's client secret, or its response is invalid. */
  | 'unavailable'
  /** The user canceled, or the provider refused the user. */
  | 'refused'
  /** The response does not belong to this attempt. */
  | 'mismatched';

/** The reason why Muster refused a person whom the identity provider authenticated. See `OidcFailure`. */
export type OidcRefusal =
  /** The provider sent no valid email address. */
  | 'no-email'
  /** The provider does not confirm that the email address is verified. */
  | 'unverified'
  /** The domain of the email address may not sign in. */
  | 'domain'
  /** The address belongs to no member, and no invitation is open for it. */
  | 'unknown'
  /** The person was removed from the members. */
  | 'removed'
  /** None of the person's groups grants a role. */
  | 'role'
  /** None of the groups grants a role any more, so the person's sessions were ended. */
  | 'role-ended'
  /** The provider left out the groups because there are too many. A member's sessions were ended. */
  | 'groups';

/** Creates the owner's account with the token of the one-time setup link. The response is the owner's session. */
export const SetupRequest = z.strictObject({
  token: z.string().min(1).max(200),
  name: Name,
  email: Email,
  password: NewPassword,
});
export type SetupRequest = z.output<typeof SetupRequest>;

export const SignInRequest = z.strictObject({ email: Email, password: Password });
export type SignInRequest = z.output<typeof SignInRequest>;

/** The authenticated caller: a user with a session cookie (`user`) or a program with an API key (`apiKey`). */
export const Session = z.object({
  user: z.object({ id: z.string(), name: z.string(), email: z.string() }).nullable(),
  apiKey: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  organization: z.object({ id: z.string(), name: z.string() }),
  role: MemberRole,
  /** When the session or API key expires; null if it does not. Using a session postpones its expiry. */
  expiresAt: Timestamp.nullable(),
});
export type Session = z.output<typeof Session>;

/** One active session of a user. */
export const SessionItem = z.object({
  id: z.string(),
  /** Whether the caller requested the list with this session. */
  current: z.boolean(),
  createdAt: Timestamp,
  /** The time is accurate to one hour. */
  lastSeenAt: Timestamp,
  expiresAt: Timestamp,
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
});
export type SessionItem = z.output<typeof SessionItem>;

/** Changes the caller's password and ends all of the caller's other sessions. */
export const PasswordChange = z.strictObject({ currentPassword: Password, newPassword: NewPassword });
export type PasswordChange = z.output<typeof PasswordChange>;

export const Member = z.object({
  userId: z.string(),
  name: z.string(),
  email: z.string(),
  role: MemberRole,
  joinedAt: Timestamp,
});
export type Member = z.output<typeof Member>;

export const MemberPatch = z.strictObject({ role: MemberRole });
export type MemberPatch = z.output<typeof MemberPatch>;

export const InvitationRequest = z.strictObject({ email: Email, role: MemberRole });
export type InvitationRequest = z.output<typeof InvitationRequest>;

export const Invitation = z.object({
  id: z.string(),
  email: z.string(),
  role: MemberRole,
  createdAt: Timestamp,
  expiresAt: Timestamp,
});
export type Invitation = z.output<typeof Invitation>;

/** A new invitation. The link `url` is shown only in this response; Muster sends no email. */
export const InvitationCreated = Invitation.extend({ url: z.string() });
export type InvitationCreated = z.output<typeof InvitationCreated>;

/** Requests the details of an invitation. The token is in the body, so that no access log records it. */
export const InvitationOfferRequest = z.strictObject({ token: z.string().min(1).max(200) });
export type InvitationOfferRequest = z.output<typeof InvitationOfferRequest>;

/** The details of an invitation, shown before the invited person accepts it. */
export const InvitationOffer = z.object({ email: z.string(), organization: z.string(), role: MemberRole });
export type InvitationOffer = z.output<typeof InvitationOffer>;

/** Accepts an invitation by creating a new account. The response is a session. */
export const InvitationAcceptance = z.strictObject({
  token: z.string().min(1).max(200),
  name: Name,
  password: NewPassword,
});
export type InvitationAcceptance = z.output<typeof InvitationAcceptance>;

export const ApiKeyRequest = z.strictObject({
  name: Name,
  role: Role.default('viewer'),
  /** If null, the key is valid until it is revoked. */
  expiresAt: Instant.nullable().default(null),
});
export type ApiKeyRequest = z.output<typeof ApiKeyRequest>;

/** An API key without its secret. */
export const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  role: Role,
  createdAt: Timestamp,
  /** `user:<id>`, `api_key:<id>`, or `system` for the installation's own key. Null if it was not recorded. */
  createdBy: z.string().nullable(),
  /** The creator's current name; null if it is unknown. */
  createdByName: z.string().nullable(),
  expiresAt: Timestamp.nullable(),
  /** The time is accurate to one hour. */
  lastUsedAt: Timestamp.nullable(),
  revokedAt: Timestamp.nullable(),
});
export type ApiKey = z.output<typeof ApiKey>;

/** A new API key. The secret `key` is shown only in this response. */
export const ApiKeyCreated = ApiKey.extend({ key: z.string() });
export type ApiKeyCreated = z.output<typeof ApiKeyCreated>;
