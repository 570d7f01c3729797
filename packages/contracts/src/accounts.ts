/**
 * The wire of accounts. Bodies that operators send are strict: a misspelt field would otherwise be a default, such as a key
 * that never expires.
 */
import { z } from 'zod';
import { Instant } from './instant.js';
import { DISPLAY_NAME_LENGTH_MAX, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './limits.js';
import { Role } from './operator.js';
import { displayName, text } from './text.js';

const Timestamp = z.iso.datetime();
const Email = z.email().max(254);
const Name = displayName(DISPLAY_NAME_LENGTH_MAX);

/** A password as it is chosen. */
const NewPassword = text(PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX);

/** A password as it is told: whatever was chosen once. */
const Password = text(1, PASSWORD_LENGTH_MAX);

/** What a member of an organization may do: an `owner` also says who is a member, and as what. */
export const MemberRole = z.enum(['owner', 'admin', 'viewer']);
export type MemberRole = z.output<typeof MemberRole>;

/** How people can sign in here. `setupRequired`: nobody can yet, and the link that `start` printed makes the owner. */
export const SignInOptions = z.object({
  setupRequired: z.boolean(),
  /** The name of the identity provider that is also asked, by its button; null where there is none. */
  oidc: z.object({ name: z.string(), startPath: z.string() }).nullable(),
});
export type SignInOptions = z.output<typeof SignInOptions>;

/** Makes the owner, with the token of the one-time link. The answer is the owner's session. */
export const SetupRequest = z.strictObject({
  token: z.string().min(1).max(200),
  name: Name,
  email: Email,
  password: NewPassword,
});
export type SetupRequest = z.output<typeof SetupRequest>;

export const SignInRequest = z.strictObject({ email: Email, password: Password });
export type SignInRequest = z.output<typeof SignInRequest>;

/** Who is asking: a person by a session's cookie, or a program by an API key. */
export const Session = z.object({
  user: z.object({ id: z.string(), name: z.string(), email: z.string() }).nullable(),
  apiKey: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  organization: z.object({ id: z.string(), name: z.string() }),
  role: MemberRole,
  /** When the session, or the key, ends if nothing is done; null: never. */
  expiresAt: Timestamp.nullable(),
});
export type Session = z.output<typeof Session>;

/** One place where a person is signed in. */
export const SessionItem = z.object({
  id: z.string(),
  /** Whether it is the one that asks. */
  current: z.boolean(),
  createdAt: Timestamp,
  /** To the hour. */
  lastSeenAt: Timestamp,
  expiresAt: Timestamp,
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
});
export type SessionItem = z.output<typeof SessionItem>;

/** Signs out everywhere else, too. */
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

/** The 201 answer that makes an invitation: the only time that the link to hand on is shown. No mail is sent. */
export const InvitationCreated = Invitation.extend({ url: z.string() });
export type InvitationCreated = z.output<typeof InvitationCreated>;

/** Asks what a link offers. It is no query, so that no log on the way holds the token. */
export const InvitationOfferRequest = z.strictObject({ token: z.string().min(1).max(200) });
export type InvitationOfferRequest = z.output<typeof InvitationOfferRequest>;

/** What the person with the link is told before accepting. */
export const InvitationOffer = z.object({ email: z.string(), organization: z.string(), role: MemberRole });
export type InvitationOffer = z.output<typeof InvitationOffer>;

/** Accepts as a new user. The answer is a session. */
export const InvitationAcceptance = z.strictObject({
  token: z.string().min(1).max(200),
  name: Name,
  password: NewPassword,
});
export type InvitationAcceptance = z.output<typeof InvitationAcceptance>;

export const ApiKeyRequest = z.strictObject({
  name: Name,
  role: Role.default('viewer'),
  /** Null: until it is revoked. */
  expiresAt: Instant.nullable().default(null),
});
export type ApiKeyRequest = z.output<typeof ApiKeyRequest>;

/** An API key as a list shows it: never the key itself. */
export const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  role: Role,
  createdAt: Timestamp,
  /** `user:<id>`, `api_key:<id>`, or `system` for a key of the installation; null: not recorded. */
  createdBy: z.string().nullable(),
  /** The name that this person or key has now. */
  createdByName: z.string().nullable(),
  expiresAt: Timestamp.nullable(),
  /** To the hour. */
  lastUsedAt: Timestamp.nullable(),
  revokedAt: Timestamp.nullable(),
});
export type ApiKey = z.output<typeof ApiKey>;

/** The 201 answer that makes an API key: the only time that `key` is shown. */
export const ApiKeyCreated = ApiKey.extend({ key: z.string() });
export type ApiKeyCreated = z.output<typeof ApiKeyCreated>;
