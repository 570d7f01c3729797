/** The claims about a user, from an ID token or from the UserInfo endpoint. */
type Claims = Readonly<Record<string, unknown>>;

/**
 * The groups or roles that the provider states for a user, or the reason why there are none:
 *
 * - `absent`: there is no claim.
 * - `omitted`: the provider left the claim out, because it has too many values.
 * - `invalid`: the claim's value is neither text nor a list.
 */
export type Groups = readonly string[] | 'absent' | 'omitted' | 'invalid';

/**
 * Merges the claims of the ID token and of UserInfo. The claims of the ID token take precedence, because the ID token
 * is signed.
 */
export function mergeClaims(idToken: Claims, userInfo: Claims): Claims {
  const stated = Object.entries(idToken).filter(([, value]) => isStated(value));
  return { ...userInfo, ...Object.fromEntries(stated) };
}

/** Whether a claim has a value. Some providers send null for a claim that they do not have. */
export const isStated = (value: unknown): boolean => value !== undefined && value !== null;

/**
 * Returns whether the provider has verified the user's email address, or null if the provider does not state this. A
 * statement about another address does not count. If the statements contradict each other, the address is not verified.
 */
export function readVerification(idToken: Claims, userInfo: Claims): boolean | null {
  const { email } = mergeClaims(idToken, userInfo);
  const statements = [idToken, userInfo]
    .filter((claims) => !isStated(claims['email']) || isSameAddress(claims['email'], email))
    .map((claims) => claims['email_verified'])
    .filter(isStated)
    .map(isTrue);
  return statements.length === 0 ? null : statements.every(Boolean);
}

/** Some providers send booleans as text. Any value that does not mean true means false. */
const isTrue = (value: unknown): boolean =>
  value === true || (typeof value === 'string' && value.toLowerCase() === 'true');

const isSameAddress = (one: unknown, other: unknown): boolean =>
  typeof one === 'string' && typeof other === 'string' && one.toLowerCase() === other.toLowerCase();

/**
 * Returns the value of a claim. A name with dots is the name of a claim or the path to a nested claim, such as
 * `realm_access.roles`.
 */
export function readClaim(claims: unknown, name: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  if (Object.hasOwn(claims, name)) return (claims as Claims)[name];
  // A part of the path, such as a client id, may itself contain dots.
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    const head = name.slice(0, dot);
    const value = Object.hasOwn(claims, head) ? readClaim((claims as Claims)[head], name.slice(dot + 1)) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

/**
 * Returns the user's groups from the claim `name` of the first source that has this claim. Text is one group and is
 * never split, because a group's name may contain any character.
 */
export function readGroups(sources: readonly Claims[], name: string): Groups {
  const value = sources.map((claims) => readClaim(claims, name)).find(isStated);
  if (value === undefined) return sources.some((claims) => isOmitted(claims, name)) ? 'omitted' : 'absent';
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : 'invalid';
}

/**
 * Whether the provider states that the claim is available at another address (OpenID Connect Core 5.6.2). Microsoft
 * Entra ID does this for users with more than 200 groups, or sends `hasgroups`. Muster does not call the address,
 * because it would have to send a token to an address that comes from a claim.
 */
const isOmitted = (claims: Claims, name: string): boolean =>
  [name, name.split('.')[0]!].some((claim) => isStated(readClaim(claims['_claim_names'], claim))) ||
  (name === 'groups' && isTrue(claims['hasgroups']));
