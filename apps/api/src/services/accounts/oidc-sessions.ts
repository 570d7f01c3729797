import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthEndpoint } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { z } from 'zod';

/**
 * A call of better-auth's server API, which has none for it: starts a session for a user whom somebody else has
 * vouched for. It has no path, so that no request can reach it.
 */
export const vouchedSessions = {
  id: 'vouched-sessions',
  endpoints: {
    startVouchedSession: createAuthEndpoint(
      { method: 'POST', body: z.object({ userId: z.uuid() }) },
      async (context) => {
        const { internalAdapter } = context.context;
        const user = await internalAdapter.findUserById(context.body.userId);
        // Null for a user who is nobody's member, as `databaseHooks` of better-auth.ts has it.
        const session = user === null ? null : await internalAdapter.createSession(user.id);
        if (user === null || session === null) throw new APIError('UNAUTHORIZED');
        await setSessionCookie(context, { session, user });
        return { token: session.token };
      },
    ),
  },
} satisfies BetterAuthPlugin;

/** What it adds to better-auth's server API. */
export interface VouchedSessions {
  api: {
    startVouchedSession(call: {
      body: { userId: string };
      headers: Headers;
      returnHeaders: true;
    }): Promise<{ headers: Headers; response: { token: string } }>;
  };
}
