import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthEndpoint } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { z } from 'zod';

/**
 * Adds a call to better-auth's server API that starts a session for a user whom an identity provider has authenticated;
 * better-auth has no such call. The call has no path, so that no request can reach it.
 */
export const oidcSessionsPlugin = {
  id: 'oidc-sessions',
  endpoints: {
    startOidcSession: createAuthEndpoint({ method: 'POST', body: z.object({ userId: z.uuid() }) }, async (context) => {
      const { internalAdapter } = context.context;
      const user = await internalAdapter.findUserById(context.body.userId);
      // Null for a user who is not a member: see `databaseHooks` in better-auth.ts.
      const session = user === null ? null : await internalAdapter.createSession(user.id);
      if (user === null || session === null) throw new APIError('UNAUTHORIZED');
      await setSessionCookie(context, { session, user });
      return { token: session.token };
    }),
  },
} satisfies BetterAuthPlugin;

/** The call that the plugin adds to better-auth's server API. */
export interface OidcSessionsApi {
  api: {
    startOidcSession(call: {
      body: { userId: string };
      headers: Headers;
      returnHeaders: true;
    }): Promise<{ headers: Headers; response: { token: string } }>;
  };
}
