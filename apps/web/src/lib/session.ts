import type { Session } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from './api/queries';

/** Returns the session. It is null only outside `Shell`, or briefly after the session has ended. */
export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/**
 * Returns whether the user is an admin or owner. The result is used only to hide controls, because the API checks the
 * permission for each call.
 */
export const useCanEdit = (): boolean => {
  const role = useSession()?.role;
  return role === 'admin' || role === 'owner';
};

/** Returns whether the user is an owner, who manages the members. */
export const useIsOwner = (): boolean => useSession()?.role === 'owner';
