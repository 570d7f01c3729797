-- Version 0.1.0 writes to this table. Version 0.2.0 neither reads nor writes it, so its replicas may run during this
-- migration (ADR 6). Dropping a table takes the same short time for any number of rows.
DROP TABLE "container_changes";
