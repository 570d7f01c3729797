-- The hosts with a label. Reports do not change the labels, so their updates write to no index (HOT).
CREATE INDEX CONCURRENTLY "hosts_labels_idx" ON "hosts" USING GIN ("labels");
