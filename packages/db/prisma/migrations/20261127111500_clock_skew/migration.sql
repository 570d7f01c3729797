ALTER TABLE "hosts" ADD COLUMN "clockSkewSeconds" INTEGER;
