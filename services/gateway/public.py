"""What requesters and channels reach without signing in: request form, survey page, the channels' webhooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader

from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, directory_pb2, intake_pb2, reporting_pb2
from services.gateway.edge import COOKIE, edge_of, fresh_source_id, language_of, token_of
from services.gateway.peers import Problem
from services.gateway.words import WORDS

router = APIRouter(include_in_schema=False)
hooks = APIRouter()

_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
_CHANNELS = {"phone": common_pb2.CHANNEL_PHONE, "im": common_pb2.CHANNEL_IM, "web": common_pb2.CHANNEL_WEB}


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in the reader's language."""
    language = language_of(request)
    return HTMLResponse(_pages.get_template(name).render(w=_words(language), language=language, **values), status)


@router.get("/")
async def home() -> Response:
    """The front door is the request form."""
    return RedirectResponse("/request")


@router.get("/request")
async def form(request: Request) -> Response:
    """The request form of the profile (A7, B19); a source id in it makes a double click one request."""
    chosen = {name: text for name in ("type", "entry") if (text := request.query_params.get(name))}
    return await _form(request, chosen, {}, 200)


@router.post("/request")
async def submit(request: Request) -> Response:
    """Files the form; faulty fields come back with the reason beside each."""
    edge = edge_of(request)
    edge.slow_down(request, "submit")
    given = {key: str(value).strip() for key, value in (await request.form()).items()}
    # The form is the same door as its JSON twin: intake alone knows what a field means.
    asked = intake_pb2.ReceiveHookRequest(
        channel=common_pb2.CHANNEL_WEB,
        provider="form",
        headers={"content-type": "application/json", "idempotency-key": fresh_source_id()},
        body=json.dumps(given).encode(),
    )
    told = await edge.peers.ask("intake", "ReceiveHook", asked, edge.service_token)
    answer = json.loads(told.body)
    if told.status in (200, 201):
        return page(request, "done.html", number=answer["number"], joined=answer["joined"])
    if not answer.get("faults"):
        raise Problem(told.status, answer["message"])
    tongue = "en" if language_of(request) == "en" else "zh"
    faults = {fault["field"].split(".")[-1]: fault[tongue] for fault in answer["faults"]}
    return await _form(request, given, faults, told.status)


async def _form(request: Request, given: dict[str, str], faults: dict[str, str], status: int) -> Response:
    profile = request.query_params.get("profile", given.get("profile", ""))
    asked = intake_pb2.GetFormRequest(profile=profile, language=language_of(request))
    edge = edge_of(request)
    told = await edge.peers.ask("intake", "GetForm", asked, edge.service_token)
    source_id = given.get("source_id") or fresh_source_id()
    return page(request, "form.html", status, form=told, given=given, faults=faults, source_id=source_id)


@router.get("/s/{token}")
async def survey(request: Request, token: str) -> Response:
    """The survey behind a signed link (F6, F24)."""
    asked = callbacks_pb2.GetSurveyRequest(token=token, language=language_of(request))
    told = await edge_of(request).peers.ask("callbacks", "GetSurvey", asked)
    return page(request, "survey.html", survey=told, token=token, fault="")


@router.post("/s/{token}")
async def answer(request: Request, token: str) -> Response:
    """Takes the answers once; a second time nothing changes and the page says so."""
    edge = edge_of(request)
    edge.slow_down(request, "survey")
    given = await request.form()
    answers = [callbacks_pb2.Answer(question=key, value=str(value)) for key, value in given.items() if str(value)]
    try:
        asked = callbacks_pb2.AnswerSurveyRequest(token=token, answers=answers)
        told = await edge.peers.ask("callbacks", "AnswerSurvey", asked)
    except Problem as problem:
        if problem.status != 422:
            raise
        asked_for = callbacks_pb2.GetSurveyRequest(token=token, language=language_of(request))
        shown = await edge.peers.ask("callbacks", "GetSurvey", asked_for)
        return page(request, "survey.html", 422, survey=shown, token=token, fault=problem.detail)
    return page(request, "thanks.html", repeated=told.repeated)


@hooks.post("/hooks/{channel}/{provider}", summary="Webhook of a channel: phone/pbx, im/dingtalk, web/form")
async def hook(request: Request, channel: str, provider: str) -> Response:
    """Hands the call as it came to intake, which judges signature and content; 401 when forged."""
    if channel not in _CHANNELS:
        raise Problem(404, "There is no such channel; use /hooks/phone/pbx, /hooks/im/dingtalk or /hooks/web/form.")
    edge = edge_of(request)
    if channel == "web":
        # The others prove who sends; this one anybody may fill in.
        edge.slow_down(request, "submit")
    asked = intake_pb2.ReceiveHookRequest(
        channel=_CHANNELS[channel],
        provider=provider,
        headers={key.lower(): value for key, value in request.headers.items() if key.lower() not in _PRIVATE},
        query=dict(request.query_params),
        body=await request.body(),
    )
    told = await edge.peers.ask("intake", "ReceiveHook", asked, edge.service_token)
    return Response(told.body, told.status or 200, media_type=told.media_type or "application/json")


_PRIVATE = frozenset({"cookie", "authorization"})


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """Where staff sign in for the wallboard."""
    return page(request, "sign_in.html", fault="")


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sets the token as a cookie that scripts cannot read and other sites cannot send."""
    edge = edge_of(request)
    edge.slow_down(request, "sign in")
    given = await request.form()
    person, password = str(given.get("person", "")), str(given.get("password", ""))
    try:
        asked = directory_pb2.IssueTokenRequest(person=person, password=password)
        told = await edge.peers.ask("directory", "IssueToken", asked)
    except Problem as problem:
        return page(request, "sign_in.html", problem.status, fault=problem.detail)
    response = RedirectResponse("/wallboard", 303)
    response.set_cookie(COOKIE, told.token, httponly=True, samesite="strict", secure=edge.settings.secure_cookie)
    return response


@router.get("/wallboard")
async def wallboard(request: Request) -> Response:
    """The live board; whoever is not signed in is asked to."""
    token = token_of(request)
    if not token:
        return RedirectResponse("/sign-in")
    asked = reporting_pb2.GetWallboardRequest(profile=request.query_params.get("profile", ""))
    try:
        await edge_of(request).peers.ask("reporting", "GetWallboard", asked, token)
    except Problem as problem:
        if problem.status != 401:
            raise
        return RedirectResponse("/sign-in")
    profile = await _profile(request, asked.profile, token)
    zone = profile.get("profile", {}).get("timezone", "Asia/Shanghai")
    labels = json.dumps(_labels(profile, language_of(request)), ensure_ascii=False)
    return page(request, "wallboard.html", profile=asked.profile, labels=labels, zone=zone)


async def _profile(request: Request, name: str, token: str) -> dict[str, Any]:
    told = await edge_of(request).peers.ask(
        "directory", "GetProfile", directory_pb2.GetProfileRequest(name=name), token
    )
    facets: dict[str, Any] = json.loads(told.json)
    return facets


def _labels(profile: dict[str, Any], language: str) -> dict[str, str]:
    """Names that people read for the keys that figures carry: states, teams and channels."""
    which = "en" if language == "en" else "zh"
    lifecycles = [profile.get("lifecycle", {}), *profile.get("flows", {}).values()]
    named = {key: state[which] for each in lifecycles for key, state in each.get("states", {}).items()}
    teams = profile.get("organisation", {}).get("teams", [])
    channels = {key.removeprefix("channel_"): word for key, word in _words(language).items() if "channel_" in key}
    return {**channels, **named, **{team["id"]: team["name"][which] for team in teams}}


def _words(language: str) -> dict[str, str]:
    return WORDS["en" if language == "en" else "zh-CN"]
