import type { MemberRole } from '@muster/contracts';

/** The roles' names as labels. */
export const ROLE_LABELS: Readonly<Record<MemberRole, string>> = { viewer: 'Viewer', admin: 'Admin', owner: 'Owner' };
