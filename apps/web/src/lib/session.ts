import type { Session } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from './api/queries';

/** Who is signed in. For below the shell, which is drawn for nobody else. */
export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/** Whether whoever is signed in may change things; the API decides again at each call. */
export const useMayChange = (): boolean => {
  const role = useSession()?.role;
  return role === 'admin' || role === 'owner';
};

/** Whether whoever is signed in says who is a member. */
export const useIsOwner = (): boolean => useSession()?.role === 'owner';
