"""Whose rows the transaction of a request sees; written once for all frameworks."""


class RequestOwner:
    """The user to whose rows the transaction of a request is restricted, once it was asked for."""

    def __init__(self) -> None:
        self._is_asked = False
        self._user_id: int | None = None

    def ask(self, user_id: int | None) -> int | None:
        """Note that the transaction is asked for, and return to whose rows it is restricted.

        Args:
            user_id: None: the one it is restricted to already; the first time, no user.

        Raises:
            RuntimeError: it was asked for with the rows of all users, or of another one.
        """
        if self._is_asked and user_id is not None and user_id != self._user_id:
            held = "all users" if self._user_id is None else f"user {self._user_id}"
            raise RuntimeError(
                f"the transaction of this request was asked for before, with the rows of {held}: "
                f"ask for that of user {user_id} first, or use db.as_user({user_id})"
            )
        if not self._is_asked:
            self._is_asked, self._user_id = True, user_id
        return self._user_id
