import { Paths, type MemberRole } from '@muster/contracts';
import { hashPassword } from 'better-auth/crypto';
import { randomUUID } from 'node:crypto';
import { addMember } from '../src/services/accounts/add-member.js';
import { issueSetupToken } from '../src/services/accounts/setup.js';
import { Browser } from './browser.js';
import type { TestApi } from './harness.js';

export const PASSWORD = 'correct horse battery';

/** One hash for all people, because computing a password hash is expensive by design. */
const passwordHash = hashPassword(PASSWORD);

/** A member of an organization, and a browser in which the member is signed in. */
export interface TestPerson {
  id: string;
  email: string;
  browser: Browser;
  /** Signs in with another browser. */
  signIn(): Promise<Browser>;
}

/** Creates a member of an organization without signing in as this member. */
export async function member(api: TestApi, organizationId: string, role: MemberRole) {
  const email = `${role}-${randomUUID()}@example.org`;
  const newcomer = {
    organizationId,
    role,
    name: `The ${role}`,
    email,
    credential: { passwordHash: await passwordHash },
  };
  const id = await api.db.prisma.$transaction((tx) => addMember(tx, newcomer, api.clock()));
  return { id, email };
}

export async function person(api: TestApi, organizationId: string, role: MemberRole): Promise<TestPerson> {
  const { id, email } = await member(api, organizationId, role);
  const signIn = async () => {
    const browser = new Browser(api);
    const answer = await browser.call('post', Paths.session, { email, password: PASSWORD });
    if (answer.status !== 201) throw new Error(`${email} could not sign in: ${answer.text}`);
    return browser;
  };
  return { id, email, browser: await signIn(), signIn };
}

/** Issues the token of the setup link that `start` prints. Returns '' if no token is issued. */
export async function setupToken({ db, clock }: TestApi): Promise<string> {
  let token = '';
  await issueSetupToken(db, clock(), (issued) => {
    token = issued;
    return Promise.resolve();
  });
  return token;
}
