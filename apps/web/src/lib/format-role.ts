import type { MemberRole } from '@muster/contracts';

/** The roles' names as labels. */
export const ROLE_WORDS: Readonly<Record<MemberRole, string>> = { viewer: 'Viewer', admin: 'Admin', owner: 'Owner' };
