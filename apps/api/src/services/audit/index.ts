/** The audit log. */
export { type AuditReader, createAuditReader } from './audit-reader.js';
export { type NewAuditEntry, recordAuditEntry } from './audit.js';
