import { OWN_PATH_PATTERN, type Session } from '@muster/contracts';
import { useMutation, useQueryClient, type UseMutationResult } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { sessionQuery } from '../../lib/api/queries';
import { forgetLinkTokens } from './link-token';

const OWN_PATH = new RegExp(OWN_PATH_PATTERN);

/** Signs in by a call whose answer is a session, and goes on to `next`, a path of this page. */
export function useEnter<Input>(
  enter: (input: Input) => Promise<Session>,
  next = '/',
): UseMutationResult<Session, Error, Input> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: enter,
    onSuccess: async (session) => {
      forgetLinkTokens();
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      // An address may be written by anybody: it leads nowhere but to a page of ours.
      await navigate({ href: OWN_PATH.test(next) ? next : '/' });
    },
  });
}
