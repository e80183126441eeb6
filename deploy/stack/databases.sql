-- One role and one database per service; no service may enter another's.
-- psql runs it at every start of the native stack and once in the postgres image, so it must be safe to repeat, and to
-- run twice at once.

SELECT pg_advisory_lock(1) \g /dev/null

SELECT format('CREATE ROLE %I LOGIN', service)
FROM unnest(ARRAY['customer', 'segmentation', 'retention', 'gateway']) AS service
WHERE service NOT IN (SELECT rolname FROM pg_roles)
\gexec

SELECT format('CREATE DATABASE %I OWNER %I', rolname, rolname)
FROM pg_roles
WHERE rolname IN ('customer', 'segmentation', 'retention', 'gateway')
  AND rolname NOT IN (SELECT datname FROM pg_database)
\gexec

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname)
FROM pg_database
WHERE datname IN ('customer', 'segmentation', 'retention', 'gateway')
\gexec

-- Absent natively, where loopback is trusted.
\getenv password HOLDFAST_DATABASE_PASSWORD
\if :{?password}
SELECT format('ALTER ROLE %I PASSWORD %L', rolname, :'password')
FROM pg_roles
WHERE rolname IN ('customer', 'segmentation', 'retention', 'gateway')
\gexec
\endif
