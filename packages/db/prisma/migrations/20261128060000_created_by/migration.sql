ALTER TABLE "api_keys" ADD COLUMN "createdBy" TEXT;
ALTER TABLE "invitations" ADD COLUMN "createdBy" TEXT;

-- The audit log knows who created what is there. Keys without an entry were made by the process at a start.
UPDATE "api_keys" AS k
SET "createdBy" = COALESCE((
  SELECT a."actor" FROM "audit_entries" a
  WHERE a."organizationId" = k."organizationId" AND a."action" = 'api_key.created' AND a."target" = 'api_key:' || k."id"
  ORDER BY a."id" DESC LIMIT 1
), 'system');

UPDATE "invitations" AS i
SET "createdBy" = (
  SELECT a."actor" FROM "audit_entries" a
  WHERE a."organizationId" = i."organizationId" AND a."action" = 'invitation.created' AND a."target" = 'invitation:' || i."id"
  ORDER BY a."id" DESC LIMIT 1
);
