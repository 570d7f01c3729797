import { z } from 'zod';
import { PasswordChange, Session, SetupRequest, SignInOptions, SignInRequest } from '../accounts.js';
import { Id } from '../id.js';
import type { Operation } from '../operation.js';
import { SessionList } from '../pages.js';
import { Paths } from '../paths.js';
import { ProblemTypes } from '../problem.js';
import { OidcCallbackQuery, OidcSignInQuery } from '../queries.js';

/** The operations that sign a user in or out, and the operations on the caller’s own account. */
export const SignInOperations = {
  getSignInOptions: {
    method: 'GET',
    path: Paths.signInOptions,
    tag: 'Accounts',
    access: 'public',
    summary: 'Get the available sign-in methods',
    description:
      'Returns whether the owner’s account must still be created. If an OpenID Connect provider is configured, ' +
      'returns it too.',
    answers: { 200: SignInOptions },
  },
  startOidcSignIn: {
    method: 'GET',
    path: Paths.oidcSignIn,
    tag: 'Accounts',
    access: 'public',
    summary: 'Start a sign-in with the identity provider',
    description:
      'Redirects the browser to the OpenID Connect provider, or back to the sign-in page if the provider is ' +
      'unavailable. The attempt is valid for 10 minutes. Fails with 404 if no provider is configured.',
    query: OidcSignInQuery,
    answers: { 303: null },
    refusals: [ProblemTypes.notFound],
  },
  finishOidcSignIn: {
    method: 'GET',
    path: Paths.oidcCallback,
    tag: 'Accounts',
    access: 'public',
    summary: 'Complete a sign-in with the identity provider',
    description:
      'The OpenID Connect provider redirects the browser to this address. Sets the session cookie and redirects to the requested page. ' +
      'If the sign-in fails, redirects to the sign-in page with the reason in `why`. Fails with 404 if no provider ' +
      'is configured.',
    query: OidcCallbackQuery,
    opensSession: true,
    answers: { 303: null },
    refusals: [ProblemTypes.notFound],
  },
  setUp: {
    method: 'POST',
    path: Paths.setup,
    tag: 'Accounts',
    access: 'public',
    summary: 'Create the owner’s account',
    description:
      'Creates the first account with the token of the one-time setup link, and signs it in. Sets the session ' +
      'cookie. Fails with 403 if a browser calls it from a page of another site. Fails with 401 if the ' +
      'token is not valid or has expired: restart Muster for a new link.',
    body: SetupRequest,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.tokenInvalid, ProblemTypes.forbidden],
  },
  signIn: {
    method: 'POST',
    path: Paths.session,
    tag: 'Accounts',
    access: 'public',
    summary: 'Sign in with email address and password',
    description:
      'Creates a session and sets its cookie. Fails with 403 if a browser calls it from a page of another ' +
      'site. Fails with 401 if the email address or the password is wrong, and with 429 after too many ' +
      'attempts.',
    body: SignInRequest,
    opensSession: true,
    answers: { 201: Session },
    refusals: [ProblemTypes.credentialsInvalid, ProblemTypes.forbidden],
  },
  getSession: {
    method: 'GET',
    path: Paths.session,
    tag: 'Accounts',
    access: 'viewer',
    summary: 'Get the current caller',
    description:
      'Returns the user or API key that makes this call, its role and organization, and the time when the session or ' +
      'key expires.',
    noStore: true,
    answers: { 200: Session },
  },
  signOut: {
    method: 'DELETE',
    path: Paths.session,
    tag: 'Accounts',
    access: 'user',
    summary: 'Sign out',
    description: 'Ends the session of this request and deletes its cookie.',
    answers: { 204: null },
  },
  listSessions: {
    method: 'GET',
    path: Paths.sessions,
    tag: 'Accounts',
    access: 'user',
    summary: 'List my sessions',
    description: 'Returns the caller’s active sessions, latest sign-in first, at most 200.',
    answers: { 200: SessionList },
  },
  endSession: {
    method: 'DELETE',
    path: Paths.sessionItem,
    tag: 'Accounts',
    access: 'user',
    summary: 'End one of my sessions',
    description: 'Signs the caller out of one session. Fails with 404 if the caller has no such session.',
    resource: 'session',
    params: z.object({ sessionId: Id }),
    answers: { 204: null },
  },
  endSessions: {
    method: 'DELETE',
    path: Paths.sessions,
    tag: 'Accounts',
    access: 'user',
    summary: 'End all of my sessions',
    description: 'Signs the caller out everywhere, including the session of this request.',
    answers: { 204: null },
  },
  changePassword: {
    method: 'PUT',
    path: Paths.password,
    tag: 'Accounts',
    access: 'user',
    summary: 'Change my password',
    description:
      'Changes the caller’s password and ends all of the caller’s other sessions. Fails with 400 if ' +
      '`currentPassword` is wrong, with 409 if the account has no password because it signs in through the identity ' +
      'provider, and with 429 after too many attempts.',
    body: PasswordChange,
    answers: { 204: null },
    refusals: [ProblemTypes.conflict],
  },
} as const satisfies Record<string, Operation>;
