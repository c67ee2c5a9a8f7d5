#!/bin/sh
# Run once, by an empty Postgres: one database and one user for each of Prefect and MLflow, neither of whom may look
# into the other's. Passwords come from the environment, and as variables of psql, so that no quote in them can matter.
set -eu

make() {
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set name="$1" --set secret="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'secret';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make prefect "$PREFECT_DATABASE_PASSWORD"
make mlflow "$MLFLOW_DATABASE_PASSWORD"
