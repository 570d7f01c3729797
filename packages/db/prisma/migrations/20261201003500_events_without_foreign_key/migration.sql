-- The check of the foreign key was an eighth of PostgreSQL's time for a snapshot in which all containers restarted. Each
-- statement that inserts events holds the lock of the events' host and checks that the host is not deleted, so the check
-- found nothing. The trigger below deletes the events of a deleted host, as the foreign key did. Syncs lock the tables in
-- the same order as this migration.
LOCK TABLE "hosts", "container_events" IN ACCESS EXCLUSIVE MODE;

-- DropForeignKey
ALTER TABLE "container_events" DROP CONSTRAINT "container_events_hostId_fkey";

CREATE FUNCTION delete_container_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM "container_events" WHERE "hostId" = OLD.id;
  RETURN NULL;
END
$$;

CREATE TRIGGER host_deletion AFTER DELETE ON "hosts" FOR EACH ROW EXECUTE FUNCTION delete_container_events();
