-- Once, in a new database, by the superuser that the image makes: the service gets a user of its own, which owns the
-- database and has no other right. PostgreSQL asks superusers nothing: for them its row-level security would not hold.
CREATE ROLE referral LOGIN PASSWORD 'referral' NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION;
ALTER DATABASE referral OWNER TO referral;
REVOKE ALL ON DATABASE referral FROM PUBLIC;
-- The superuser is of use from inside the container alone, where nobody is asked for a password.
ALTER ROLE CURRENT_USER PASSWORD NULL;
