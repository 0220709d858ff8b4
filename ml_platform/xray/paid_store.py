"""For how long clusters were paid for, out of X-Ray's database."""

from ml_platform.xray.database import Database
from ml_platform.xray.paid import (
    By,
    PaidSince,
    PaidTime,
    lived,
    paid_since_of,
    paid_since_query,
    paid_times_of,
    paid_times_query,
)


class PaidStore:
    """Those of the attempts of one namespace.

    Args:
        database: Where they are.
        namespace: Environment and sandbox.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        self._database = database
        self._namespace = namespace

    def times(
        self, by: By, *, model: str = "", since_s: float | None = None, now_s: float
    ) -> list[PaidTime]:
        """For how long clusters were paid for, summed of those that are alike.

        Args:
            by: What the attempts of a part have in common.
            model: Of this model alone, if one is given.
            since_s: Those that have lived since then, in seconds since 1970.
            now_s: Now, in seconds since 1970, for those that go on.
        """
        asked = lived(self._namespace, since_s, model=model)
        with self._database.reading() as connection:
            return paid_times_of(connection.execute(paid_times_query(by, asked, now_s=now_s)))

    def since(self, since_s: float, *, now_s: float) -> list[PaidSince]:
        """For how long each team's models were paid for since then, summed of equal clusters.

        Args:
            since_s: In seconds since 1970; what was paid before counts for nothing.
            now_s: Now, in seconds since 1970, for those that go on.
        """
        asked = lived(self._namespace, since_s)
        query = paid_since_query(asked, since_s=since_s, now_s=now_s)
        with self._database.reading() as connection:
            return paid_since_of(connection.execute(query))
