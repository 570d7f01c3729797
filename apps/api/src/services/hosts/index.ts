/** Changes to hosts by operators. */
export { deleteHostData } from './delete-host-data.sql.js';
export { createHostService, type HostService } from './host-management.js';
