/** Changes to hosts by operators. */
export { deleteHostData } from './forget-host.sql.js';
export { createHostService, type HostService } from './host-management.js';
