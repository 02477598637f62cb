-- Flink 1.20 or 2.x with iceberg-flink-runtime and iceberg-aws-bundle on its class path:
--   sql-client.sh -i deploy/flink/catalog.sql
-- Reads firn's tables as a batch or as a stream of new snapshots.
CREATE CATALOG lake WITH (
  'type' = 'iceberg',
  'catalog-type' = 'rest',
  'uri' = 'http://127.0.0.1:8182',
  'io-impl' = 'org.apache.iceberg.aws.s3.S3FileIO',
  'client.region' = 'us-east-1',
  's3.endpoint' = 'http://127.0.0.1:7070',
  's3.path-style-access' = 'true'
);
USE CATALOG lake;
SET 'table.local-time-zone' = 'UTC';
-- SELECT event_type, COUNT(*) FROM firn.events /*+ OPTIONS('streaming'='true', 'monitor-interval'='5s') */ GROUP BY event_type;
