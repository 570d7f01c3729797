-- Names that operators have set stay, although the machines report others.
UPDATE "hosts" SET "nameSetByOperator" = true
WHERE "id"::text IN (SELECT substr("target", 6) FROM "audit_entries" WHERE "action" = 'host.renamed');
