/** Changes to hosts by operators. */
export { forgetHost } from './forget-host.sql.js';
export { createHostService, type HostService } from './host-management.js';
