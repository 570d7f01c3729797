/** The audit log. */
export { auditedWrite, listAuditEntries, type NewAuditEntry, type RecordAction, recordAuditEntry } from './audit.js';
