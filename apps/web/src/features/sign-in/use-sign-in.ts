import { SAME_ORIGIN_PATH_PATTERN, type Session } from '@muster/contracts';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { sessionQuery } from '../../lib/api/queries';
import { deleteLinkTokens } from './link-token';

const SAME_ORIGIN_PATH = new RegExp(SAME_ORIGIN_PATH_PATTERN);

/** Returns a mutation that calls `signIn` and then opens `next`, or the fleet page if `next` is not on this site. */
export function useSignIn<Input>(
  signIn: (input: Input) => Promise<Session>,
  next = '/',
): UseMutationResult<Session, Error, Input> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: signIn,
    onSuccess: async (session) => {
      deleteLinkTokens();
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      // `next` comes from the page's URL, which an attacker may have written, so it must not lead to another site.
      await navigate({ href: SAME_ORIGIN_PATH.test(next) ? next : '/' });
    },
  });
}
