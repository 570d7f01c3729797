-- Every instant that is stored can be stated: RFC 3339 has no year 10000, and one key beyond it broke the list of keys.
UPDATE "api_keys" SET "expiresAt" = '9999-12-31T23:59:59.999Z' WHERE "expiresAt" >= '10000-01-01T00:00:00Z';
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_expiresAt_check" CHECK ("expiresAt" < '10000-01-01T00:00:00Z');
