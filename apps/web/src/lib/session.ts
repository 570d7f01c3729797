import type { Session } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from './api/queries';

/** Returns the session. It is null only outside `Shell`, or for a moment after the session ended. */
export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/**
 * Returns whether the user is an admin or owner. It is used only to hide controls, because the API checks each call.
 */
export const useCanEdit = (): boolean => {
  const role = useSession()?.role;
  return role === 'admin' || role === 'owner';
};

/** Returns whether the user is an owner, who manages the members. */
export const useIsOwner = (): boolean => useSession()?.role === 'owner';
