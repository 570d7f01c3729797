import { Paths } from '@muster/contracts';
import { container, enrollRequest } from './harness.js';
import { PASSWORD } from './users.js';

/**
 * Who may call a route. `viewer`: any operator. `admin`: an admin or an owner. `owner`: an owner who signed in. `user`:
 * anyone who signed in, for their own account.
 */
export type Access = 'anybody' | 'enroll' | 'agent' | 'viewer' | 'admin' | 'owner' | 'user';

interface Rule {
  access: Access;
  /** A valid body, so that only the credentials can cause a refusal. */
  body?: unknown;
  /** False for a GET route without an id in its path that does not answer with a list. */
  isList?: boolean;
  /** True if a successful response never ends. */
  isEndless?: boolean;
  /** True for a list that has items in every organization. */
  isNeverEmpty?: boolean;
}

/** The rule of every route. The first test in access.test.ts fails if a route is missing here. */
export const RULES: Readonly<Record<string, Rule>> = {
  [`POST ${Paths.agentEnroll}`]: { access: 'enroll', body: enrollRequest() },
  [`POST ${Paths.agentContainers}`]: { access: 'agent', body: [container('intruder')] },
  [`POST ${Paths.agentHeartbeat}`]: { access: 'agent', body: { digest: null, engineError: 'intruder' } },
  [`POST ${Paths.agentToken}`]: { access: 'agent' },
  [`GET ${Paths.agentToken}`]: { access: 'agent', isList: false },
  [`DELETE ${Paths.agentToken}`]: { access: 'agent' },
  [`GET ${Paths.installScript}`]: { access: 'anybody' },
  [`GET ${Paths.agentRelease}`]: { access: 'anybody' },
  [`GET ${Paths.health}`]: { access: 'anybody' },
  [`GET ${Paths.ready}`]: { access: 'anybody' },
  [`GET ${Paths.enrollmentTokens}`]: { access: 'viewer' },
  [`POST ${Paths.enrollmentTokens}`]: { access: 'admin', body: { name: 'intruder' } },
  [`DELETE ${Paths.enrollmentToken}`]: { access: 'admin' },
  [`GET ${Paths.hosts}`]: { access: 'viewer' },
  [`GET ${Paths.host}`]: { access: 'viewer' },
  [`PATCH ${Paths.host}`]: { access: 'admin', body: { name: 'intruder' } },
  [`POST ${Paths.hostToken}`]: { access: 'admin' },
  [`DELETE ${Paths.host}`]: { access: 'admin' },
  [`GET ${Paths.hostContainer}`]: { access: 'viewer' },
  [`GET ${Paths.containers}`]: { access: 'viewer' },
  [`GET ${Paths.events}`]: { access: 'viewer' },
  [`GET ${Paths.audit}`]: { access: 'admin', isNeverEmpty: true },
  [`GET ${Paths.stream}`]: { access: 'viewer', isList: false, isEndless: true },
  [`GET ${Paths.exportContainers}`]: { access: 'viewer', isList: false },
  [`GET ${Paths.exportEvents}`]: { access: 'viewer', isList: false },
  [`GET ${Paths.summary}`]: { access: 'viewer', isList: false },
  [`GET ${Paths.images}`]: { access: 'viewer' },
  [`GET ${Paths.ports}`]: { access: 'viewer' },
  [`GET ${Paths.projects}`]: { access: 'viewer' },
  [`GET ${Paths.signInOptions}`]: { access: 'anybody' },
  [`GET ${Paths.oidcSignIn}`]: { access: 'anybody' },
  [`GET ${Paths.oidcCallback}`]: { access: 'anybody' },
  [`POST ${Paths.setup}`]: { access: 'anybody' },
  [`POST ${Paths.session}`]: { access: 'anybody' },
  [`GET ${Paths.session}`]: { access: 'viewer', isList: false },
  [`DELETE ${Paths.session}`]: { access: 'user' },
  [`GET ${Paths.sessions}`]: { access: 'user', isNeverEmpty: true },
  [`DELETE ${Paths.sessions}`]: { access: 'user' },
  [`DELETE ${Paths.sessionItem}`]: { access: 'user' },
  [`PUT ${Paths.password}`]: {
    access: 'user',
    body: { currentPassword: PASSWORD, newPassword: 'the password of an intruder' },
  },
  [`GET ${Paths.members}`]: { access: 'viewer', isNeverEmpty: true },
  [`PATCH ${Paths.member}`]: { access: 'owner', body: { role: 'owner' } },
  [`DELETE ${Paths.member}`]: { access: 'owner' },
  [`GET ${Paths.invitations}`]: { access: 'admin' },
  [`POST ${Paths.invitations}`]: { access: 'owner', body: { email: 'intruder@example.org', role: 'owner' } },
  [`DELETE ${Paths.invitation}`]: { access: 'owner' },
  [`POST ${Paths.invitationOffer}`]: { access: 'anybody' },
  [`POST ${Paths.invitationAcceptance}`]: { access: 'anybody' },
  [`GET ${Paths.apiKeys}`]: { access: 'admin', isNeverEmpty: true },
  [`POST ${Paths.apiKeys}`]: { access: 'admin', body: { name: 'intruder', role: 'admin' } },
  [`DELETE ${Paths.apiKey}`]: { access: 'admin' },
  [`GET ${Paths.openApi}`]: { access: 'anybody' },
  // Open to this machine only; metrics.test.ts covers other clients.
  [`GET ${Paths.metrics}`]: { access: 'anybody' },
  [`GET ${Paths.docs}`]: { access: 'anybody' },
  [`GET ${Paths.docs}/start.js`]: { access: 'anybody' },
};

const routes = Object.entries(RULES).map(([name, rule]) => {
  const [method = '', path = ''] = name.split(' ');
  return { name, method, path, isList: method === 'GET' && !path.includes(':'), ...rule };
});
export type Route = (typeof routes)[number];
export const guarded = routes.filter(({ access }) => access !== 'anybody');
