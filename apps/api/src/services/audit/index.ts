/** The audit log. */
export {
  auditedWrite,
  listAuditEntries,
  type NewAuditEntry,
  type RecordAction,
  recordAuditEntries,
  recordAuditEntry,
} from './audit.js';
