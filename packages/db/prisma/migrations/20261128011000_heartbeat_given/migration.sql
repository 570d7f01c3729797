ALTER TABLE "hosts" ADD COLUMN "heartbeatSeconds" INTEGER;
