"""Where settings come from: the environment and a `.env` file. The only place that knows.

The real environment wins over the file, an empty value counts as not set, and an address that a
file names is used only with the key pair of that same file, so that a `.env` in somebody's folder
cannot collect the keys of whoever runs there.
"""

import io
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from usms_cli.errors import UsageError
from usms_cli.text import quoted, quoted_path

DEFAULT_ADDRESS = "https://api.uspeedo.com"

KEY_ID = "USPEEDO_ACCESSKEY_ID"
KEY_SECRET = "USPEEDO_ACCESSKEY_SECRET"  # noqa: S105 (a variable's name)
BASE_URL = "USPEEDO_BASE_URL"
TEMPLATE_ID = "USPEEDO_TEMPLATE_ID"
SENDER_ID = "USPEEDO_SENDER_ID"
STATE_DIR = "USMS_STATE_DIR"


class Secret:
    """A text that shows itself only to `reveal`: not in logs, reports or tracebacks."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for where it has to be: never in what is shown or kept."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not stored")


@dataclass(frozen=True)
class Account:
    """Whom requests go to, and the key pair they carry."""

    address: str
    key_id: str
    secret: Secret


class Settings:
    """The environment over the `.env` file.

    :param env_file: a file to read; None reads `.env` in the working directory, if there is one.
    :raises UsageError: the file named cannot be read.
    """

    def __init__(
        self, env_file: Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._file = _read_env_file(env_file)
        self._environ = {name: value for name, value in environ.items() if value}

    def get(self, name: str) -> str | None:
        """Return a setting, or None where neither the environment nor the file has it."""
        return self._environ.get(name) or self._file.get(name)

    def address(self) -> str:
        """Return the API's address, without a slash at its end.

        :raises UsageError: it is no address, or not safe to send a key pair to.
        """
        return check_address(self.get(BASE_URL) or DEFAULT_ADDRESS)

    def account(self) -> Account:
        """Return the address and the key pair to send with.

        :raises UsageError: one of them is missing, malformed, or they must not meet.
        """
        address = self.address()
        key_id, secret = self.get(KEY_ID), self.get(KEY_SECRET)
        if not key_id or not secret:
            missing = " and ".join(
                name for name, value in ((KEY_ID, key_id), (KEY_SECRET, secret)) if not value
            )
            raise UsageError(
                f"no key pair: {missing} not set",
                "Set it in the environment, or as NAME=value in a file .env here. "
                "--dry-run and --sandbox need none.",
            )
        if ":" in key_id or not key_id.isprintable() or not secret.isprintable():
            raise UsageError(
                f"the key pair is malformed: {KEY_ID} may hold no colon, and neither it nor "
                f"{KEY_SECRET} a control character",
                "Copy both again from the uSpeedo console.",
            )
        address_from_file = BASE_URL not in self._environ and BASE_URL in self._file
        if address_from_file and not {KEY_ID, KEY_SECRET}.isdisjoint(self._environ):
            raise UsageError(
                f"{BASE_URL} comes from the .env file, but the key pair from the environment",
                "An address from a file gets only the key pair of the same file: "
                f"set all three in one place, or set {BASE_URL} in the environment.",
            )
        return Account(address, key_id, Secret(secret))


def state_directory() -> Path:
    """Return the directory that holds the runs, which need not exist yet."""
    import platformdirs

    named = os.environ.get(STATE_DIR)
    return Path(named).expanduser() if named else platformdirs.user_state_path("usms")


def check_address(address: str) -> str:
    """Return `address` without a slash at its end, if a key pair may be sent to it.

    :raises UsageError: it is not an https address, or an http address that is not loopback.
    """
    fault = _fault_of(address)
    if fault:
        raise UsageError(
            f"{BASE_URL} {quoted(address)} {fault}",
            f"Write it as {DEFAULT_ADDRESS}; http is only for this machine (http://127.0.0.1:8080).",
        )
    return address.rstrip("/")


def is_loopback(address: str) -> bool:
    """Tell whether a checked address stays on this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fault_of(address: str) -> str | None:
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        return "holds a character that no address has"
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no https address"
    if "@" in parts.netloc:
        return "holds a user name or password"
    if parts.query or parts.fragment or "?" in address or "#" in address:
        return "holds a query or a fragment"
    if parts.scheme == "http" and not is_loopback(address):
        return "is not encrypted"
    return None


def _read_env_file(path: Path | None) -> dict[str, str]:
    import dotenv

    if path is None:
        path = Path(".env")
        if not path.exists():
            return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"cannot read {quoted_path(path)}: {reason}",
            "Write NAME=value on each line of a text file, and name it with --env-file.",
        ) from None
    # interpolate=False: a secret may hold "${…}", which means just that.
    values = dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}
