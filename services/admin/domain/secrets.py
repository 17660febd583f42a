"""Credentials of providers as bodies hold them: the secret itself, or a reference to where it stands."""

from services.admin.domain.fields import Fields
from shared.credentials.references import BadReference, check_permitted, read_reference
from shared.errors import InvalidRequest
from shared.settings.credentials import CredentialSettings

LONGEST = 8192


def read_secret(fields: Fields, name: str) -> str:
    """Return a credential or a reference to one, empty for none; raise `InvalidRequest`."""
    secret = fields.text(name, longest=LONGEST)
    if not secret.isascii():
        fields.wrong(name, "must hold ASCII characters alone, since it is sent in a header")
    try:
        read_reference(secret)
    except BadReference as error:
        fields.wrong(name, str(error))
    return secret


def check_reference(secret: str, param: str, settings: CredentialSettings) -> None:
    """Raise `InvalidRequest` for a reference that the configuration does not allow."""
    try:
        reference = read_reference(secret)
        if reference is not None:
            check_permitted(reference, settings)
    except BadReference as error:
        raise InvalidRequest(f"'{param}' {error}.", param=param) from None


def is_reference(secret: str) -> bool:
    """Tell whether a credential that was read says where it stands, which is no secret."""
    return read_reference(secret) is not None
