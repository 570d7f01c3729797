/** The audit log. */
export { auditedWrite, listAuditEntries, type NewAuditEntry, recordAuditEntry } from './audit.js';
