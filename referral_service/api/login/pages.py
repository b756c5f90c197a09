"""The pages around signing in: short, and without a word of what was asked or answered."""

from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from referral_service.api.worklist.site import addresses
from referral_service.auth.entrance import HOME
from referral_service.auth.person import Lack
from referral_service.auth.principal import Purpose

LOGIN_PATH: Final = "/auth/login"
LOGOUT_PATH: Final = "/auth/logout"
EMERGENCY_PATH: Final = "/auth/emergency"
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
_LACKS: Final[dict[Lack, str]] = {
    "role": "Your account has no role in this service.",
    "tenant": "Your account does not say for which organisation you work.",
    "practitioner": "Your account does not say as which practitioner you act.",
    "patient": "The EHR does not say which patient's chart is open.",
    "ehr": "No EHR that this service knows has sent you here.",
}
_PURPOSES: Final[dict[Purpose, str]] = {
    "ETREAT": "Somebody needs treatment at once",
    "PATSFTY": "Somebody is about to come to harm",
}
_TEMPLATE: Final = Environment(
    loader=PackageLoader("referral_service.api.login"), autoescape=True, undefined=StrictUndefined
).get_template("page.html")


def sign_in(to: str, *, is_offered: bool) -> Response:
    """Nobody is signed in; 401. `is_offered`: not only out of an EHR."""
    sentences = ["You are not signed in, or your session has ended."]
    if not is_offered:
        sentences.append("Open this service from the patient's chart in your EHR.")
    leads = f"{LOGIN_PATH}?{urlencode({'to': to})}" if is_offered else ""
    return _page(401, "Sign in", *sentences, leads=leads, words="Sign in")


def asking(to: str) -> Response:
    """Somebody was sent here from another site: only they themselves begin to sign in."""
    leads = f"{LOGIN_PATH}?{urlencode({'to': to})}"
    return _page(200, "Sign in", "Another site has led you here.", leads=leads, words="Sign in")


def failed() -> Response:
    """An answer that does not fit; 400."""
    return _page(
        400,
        "You are not signed in",
        "Signing in did not work, or took longer than ten minutes.",
        leads=HOME,
        words="Begin again",
    )


def unwelcome(lack: Lack) -> Response:
    """Somebody who has nothing to do here; 403."""
    return _page(403, "You cannot come in", _LACKS[lack], "Ask whoever administers your account.")


def unavailable() -> Response:
    """The provider cannot be asked; 503."""
    answer = _page(
        503,
        "Nobody can sign in just now",
        "Something that is needed for it does not answer. Try again in a minute.",
        leads=HOME,
        words="Try again",
    )
    answer.headers["Retry-After"] = "10"
    return answer


def signed_out(onward: str = "") -> Response:
    """After signing out; `onward` is where to sign out at the provider too."""
    words = "Sign out there too" if onward else "Sign in"
    return _page(200, "You are signed out", leads=onward or HOME, words=words, onward=onward)


def closed(token: str, home: str) -> Response:
    """What somebody who is signed in may not do or see; 403."""
    return _page(
        403,
        "This is not open to you",
        "Your role does not allow this. Nothing was changed.",
        leads=home,
        words="To what you can see",
        token=token,
    )


def missing(token: str, home: str, offered: str = "", status: int = 404) -> Response:
    """What is not there, for whoever asks; `offered` is what they may ask for all the same, with a reason."""
    sentence = "There is no such page, or it is about another patient."
    leads = {"leads": home, "words": "To what you can see"}
    return _page(status, "Not found", sentence, token=token, offered=offered, **leads)


def _page(status: int, title: str, *sentences: str, **more: str) -> Response:
    shown = {"leads": "", "words": "", "onward": "", "token": "", "offered": "", **more}
    fixed = {"style": addresses()["worklist.css"], "way_out": LOGOUT_PATH, "override": EMERGENCY_PATH}
    text = _TEMPLATE.render(title=title, sentences=sentences, purposes=_PURPOSES, **fixed, **shown)
    return HTMLResponse(text, status, _HEADERS)
