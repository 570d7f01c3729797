/** How long hosts were online in a past period. */
export { createAvailabilityService, type AvailabilityService } from './availability-service.js';
