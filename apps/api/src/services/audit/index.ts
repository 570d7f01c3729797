/** The audit log. */
export { type AuditReader, createAuditReader } from './audit-reader.js';
export { type AuditFact, recordAudit } from './audit.js';
