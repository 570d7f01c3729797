import { randomUUID } from 'node:crypto';
import {
  ApiKeyCreated,
  EnrollResponse,
  EnrollmentTokenCreated,
  InvitationCreated,
  Paths,
  Session,
  SessionList,
  type MemberRole,
} from '@muster/contracts';
import type { Http } from '@muster/testkit/http';
import type { KnownObjects } from './fuzz.js';

type Headers = Readonly<Record<string, string>>;

const PASSWORD = 'correct horse battery';
const MACHINE = {
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'Debian GNU/Linux 12',
  arch: 'x86_64',
  agentVersion: '0.1.0',
};

/** Headers that a browser sends from a page of the dashboard. */
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' };

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });
const container = (dockerId: string, fields: object = {}) => ({
  dockerId,
  name: dockerId,
  image: 'nginx:1.29',
  state: 'running',
  ...fields,
});

/**
 * Creates the owner's account with the setup link of a new installation. Returns a function that creates an object for
 * every path parameter and credentials for every security scheme.
 */
export async function createObjectPreparer(
  http: Http,
  adminKey: string,
  setupLink: string,
): Promise<() => Promise<KnownObjects>> {
  async function call(method: 'GET' | 'POST', path: string, headers: Headers, body?: unknown) {
    const { status, text, ...reply } = await http.send({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (status >= 300) throw new Error(`${path} answered ${status}: ${text}`);
    const cookies = [reply.headers['set-cookie'] ?? []].flat().map((line) => line.split(';', 1)[0]);
    return { json: JSON.parse(text) as unknown, browser: { ...OWN_PAGE, cookie: cookies.join('; ') } };
  }

  const tokenIn = (link: string) => new URL(link).hash.replace('#token=', '');
  const firstOwner = await call('POST', Paths.setup, OWN_PAGE, {
    token: tokenIn(setupLink),
    name: 'The first owner',
    email: 'first@example.org',
    password: PASSWORD,
  });

  interface Member {
    userId: string;
    role: MemberRole;
    browser: Headers;
  }

  async function addMember(role: MemberRole): Promise<Member> {
    const invitation = { email: `${role}-${randomUUID()}@example.org`, role };
    const { url } = InvitationCreated.parse(
      (await call('POST', Paths.invitations, firstOwner.browser, invitation)).json,
    );
    const acceptance = { token: tokenIn(url), name: `The ${role}`, password: PASSWORD };
    const { json, browser } = await call('POST', Paths.invitationAcceptance, OWN_PAGE, acceptance);
    return { userId: Session.parse(json).user!.id, role, browser };
  }

  /** Returns whether the member still exists with this role and session. */
  async function isUnchanged({ role, browser }: Member): Promise<boolean> {
    const { status, text } = await http.send({ path: Paths.session, headers: browser });
    return status === 200 && Session.parse(JSON.parse(text)).role === role;
  }

  const members = new Map<MemberRole, Member>();
  /**
   * Returns a member with this role. Hashing a password is slow, so the function adds a new member only if a call has
   * ended the previous member's session or changed the role.
   */
  async function ensureMember(role: MemberRole): Promise<Member> {
    const present = members.get(role);
    if (present !== undefined && (await isUnchanged(present))) return present;
    const added = await addMember(role);
    members.set(role, added);
    return added;
  }

  async function enroll(enrollmentToken: string) {
    const machine = { name: 'host', engineId: randomUUID(), ...MACHINE };
    const { json } = await call('POST', Paths.agentEnroll, bearer(enrollmentToken), machine);
    const { hostId, agentToken } = EnrollResponse.parse(json);
    const sync = (containers: object[]) => call('POST', Paths.agentContainers, bearer(agentToken), containers);
    return { hostId, agentToken, sync };
  }

  return async () => {
    const admin = bearer(adminKey);
    const tokenRequest = { name: 'fuzz', maxUses: 1_000 };
    const enrollment = EnrollmentTokenCreated.parse(
      (await call('POST', Paths.enrollmentTokens, admin, tokenRequest)).json,
    );
    const host = await enroll(enrollment.token);
    await host.sync([container('a'), container('b', { state: 'exited', status: 'Exited (1) 2 hours ago' })]);
    await host.sync([container('a', { name: 'renamed' })]);
    const other = await enroll(enrollment.token);
    await other.sync([container('a'), container('c')]);

    const key = ApiKeyCreated.parse((await call('POST', Paths.apiKeys, admin, { name: 'fuzz', role: 'admin' })).json);
    const owner = await ensureMember('owner');
    const viewer = await ensureMember('viewer');
    const sessions = SessionList.parse((await call('GET', Paths.sessions, owner.browser)).json);
    return {
      ids: {
        hostId: host.hostId,
        dockerId: 'a',
        enrollmentTokenId: enrollment.id,
        userId: viewer.userId,
        sessionId: sessions.items[0]!.id,
        apiKeyId: key.id,
        file: 'SHA256SUMS',
      },
      credentials: {
        apiKey: bearer(key.key),
        agentToken: bearer(host.agentToken),
        enrollmentToken: bearer(enrollment.token),
        session: owner.browser,
      },
    };
  };
}
