"""The tests that touch the database, once more on PostgreSQL: the second half of `make test`.

The server is CCM_TEST_POSTGRES, else the one that `make services` starts. Without either, a line says what is missing.
"""

import os
import subprocess
import sys

import psycopg

OURS = "postgres://ccm@127.0.0.1:{}/postgres".format(os.environ.get("CCM_TEST_PG_PORT") or 55432)
HOW = "`make services` installs and starts one, or name yours: CCM_TEST_POSTGRES=postgres://USER:PASSWORD@HOST/NAME"


def main():
    named = os.environ.get("CCM_TEST_POSTGRES", "")
    try:
        psycopg.connect(named or OURS, connect_timeout=5).close()
    except psycopg.Error as error:
        print(f"{'FAILED' if named else 'SKIPPED'} the database tests on PostgreSQL: no server answers; {HOW}")
        print(f"  ({str(error).strip().splitlines()[0]})")
        return 1 if named else 0
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "django_db",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "tests",
        *sys.argv[1:],
    ]
    print("The database tests on PostgreSQL:", flush=True)
    return subprocess.run(command, env={**os.environ, "DATABASE_URL": named or OURS}).returncode


if __name__ == "__main__":
    sys.exit(main())
