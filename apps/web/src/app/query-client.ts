import { ProblemError } from '@muster/client';
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { isSignedOut } from '../lib/api/client';
import { sessionQuery } from '../lib/api/queries';

const RETRIES_MAX = 2;

/** Creates the cache of API responses. A 401 response clears the session, which leads to the sign-in page. */
export function createClient(): QueryClient {
  const onError = (error: Error): void => {
    if (!isSignedOut(error)) return;
    // A wrong password at sign-in also causes a 401, but then there is no session to clear.
    if (client.getQueryData(sessionQuery.queryKey)) client.setQueryData(sessionQuery.queryKey, null);
  };
  const client = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (failures, error) => failures < RETRIES_MAX && !(error instanceof ProblemError && error.status < 500),
      },
    },
  });
  return client;
}
