import { SAME_ORIGIN_PATH_PATTERN, type Session } from '@muster/contracts';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { sessionQuery } from '../../lib/api/queries';
import { forgetLinkTokens } from './link-token';

const SAME_ORIGIN_PATH = new RegExp(SAME_ORIGIN_PATH_PATTERN);

/** Returns a mutation that signs in with `enter` and opens `next`, or the fleet page if `next` is not on this site. */
export function useSignIn<Input>(
  signIn: (input: Input) => Promise<Session>,
  next = '/',
): UseMutationResult<Session, Error, Input> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: signIn,
    onSuccess: async (session) => {
      forgetLinkTokens();
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      // An attacker may have written the address that `next` comes from, so `next` must not lead to another site.
      await navigate({ href: SAME_ORIGIN_PATH.test(next) ? next : '/' });
    },
  });
}
