"""Secrets and home folders never get into a record, and what only looks like one stays."""

import base64
import hashlib
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.traces import Scrubber

HOME = "/srv/people/kim"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def scrubber(*secrets):
    return Scrubber(secrets, environ={}, home=HOME)


def shaped(pattern):
    """Texts that are a secret as a whole."""
    return st.from_regex(pattern, fullmatch=True).map(lambda text: (text, text))


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@st.composite
def jwt(draw):
    claims = draw(st.dictionaries(st.sampled_from(["sub", "name", "iat"]), st.text(max_size=9) | st.integers()))
    head, payload = (_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (f"{head}.{payload}.{_b64(draw(st.binary(min_size=32, max_size=32)))}", payload)


@st.composite
def private_key(draw):
    body = base64.b64encode(draw(st.binary(min_size=150, max_size=400))).decode()
    kind, number = draw(st.sampled_from(["", "RSA ", "OPENSSH ", "ENCRYPTED "])), draw(st.booleans())
    rows = [body[i : i + 64] for i in range(0, len(body), 64)]
    lines = [f"-----BEGIN {kind}PRIVATE KEY-----", *rows, f"-----END {kind}PRIVATE KEY-----"]
    cut = draw(st.booleans())
    lines = lines[:3] if cut else lines
    return "\n".join(f"{i}|{line}" if number else line for i, line in enumerate(lines, 1)), rows[0]


def basic(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def before(words, pattern, after=""):
    """Secrets that are known by what stands around them."""
    return st.from_regex(pattern, fullmatch=True).map(lambda secret: (words + secret + after, secret))


KINDS = {
    "aws id": shaped(r"(AKIA|ASIA)[0-9A-Z]{16}"),
    "aws secret": before('AWS_SECRET_ACCESS_KEY="', r"[G-Z][0-9a-zA-Z/+]{38}[G-Z]", '"'),
    "github": shaped(r"gh[pousr]_[A-Za-z0-9]{36}"),
    "github fine-grained": shaped(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    "gitlab": shaped(r"gl(pat|rt|ptt)-[A-Za-z0-9_-]{39}[a-z]"),
    "openai": shaped(r"sk-(proj-)?[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    "anthropic": shaped(r"sk-ant-api03-[A-Za-z0-9]{40}-[A-Za-z0-9_]{40}AA"),
    "hugging face": shaped(r"hf_[A-Za-z0-9]{34}"),
    "google": shaped(r"AIza[0-9A-Za-z_-]{34}[0-9]"),
    "pypi": shaped(r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{70,80}"),
    "npm": shaped(r"npm_[A-Za-z0-9]{36}"),
    "slack": shaped(r"xox[bp]-[0-9]{11}-[0-9]{12}-[a-zA-Z0-9]{24}"),
    "slack webhook": shaped(r"https://hooks\.slack\.com/services/T[A-Z0-9]{8}/B[A-Z0-9]{8}/[a-zA-Z0-9]{24}"),
    "stripe": shaped(r"(sk|rk)_live_[0-9a-zA-Z]{24,99}"),
    "sendgrid": shaped(r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}"),
    "twilio": shaped(r"(AC|SK)[a-f0-9]{32}"),
    "square": shaped(r"sq0csp-[0-9A-Za-z_-]{43}"),
    "mailchimp": shaped(r"[0-9a-f]{32}-us[0-9]{1,2}"),
    "discord": shaped(r"[MNO][a-zA-Z0-9_-]{23}\.[a-zA-Z0-9_-]{6}\.[a-zA-Z0-9_-]{27}"),
    "jwt": jwt(),
    "private key": private_key(),
    "bearer": before("Authorization: Bearer ", r"[A-Za-z0-9._~+/-]{20,40}[0-9]={0,2}"),
    "password in a URL": before("postgresql://app:", r"[a-z]{4}[0-9]{2}[A-Za-z0-9_.~-]{4,20}", "@db:5432/main"),
    "given": st.just(("zq-given-1", "zq-given-1")),
    "groq": shaped(r"gsk_[0-9][A-Za-z0-9]{51}"),
    "xai": shaped(r"xai-[0-9][A-Za-z0-9]{79}"),
    "nvidia": shaped(r"nvapi-[0-9][A-Za-z0-9_-]{62}[a-z]"),
    "perplexity": shaped(r"pplx-[0-9][A-Za-z0-9]{47}"),
    "replicate": shaped(r"r8_[A-Za-z0-9]{37}"),
    "fireworks": shaped(r"fw_[0-9][A-Za-z0-9]{23}"),
    "langfuse": shaped(r"sk-lf-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "google access": shaped(r"ya29\.(a0|c\.b0)[A-Za-z0-9_-]{100,200}"),
    "google client": shaped(r"GOCSPX-[0-9][A-Za-z0-9_-]{26}[a-z]"),
    "digitalocean": shaped(r"dop_v1_[0-9a-f]{64}"),
    "docker": shaped(r"dckr_pat_[0-9][A-Za-z0-9_-]{25}[a-z]"),
    "databricks": shaped(r"dapi[0-9a-f]{32}"),
    "vault": shaped(r"hvs\.[0-9][A-Za-z0-9_-]{22,90}[a-z]"),
    "telegram": shaped(r"[0-9]{8,10}:AA[A-Za-z0-9_-]{32}[a-z]"),
    "telegram url": before("https://api.telegram.org/bot", r"[0-9]{10}:AA[A-Za-z0-9_-]{32}[a-z]", "/getMe"),
    "basic": st.builds(
        lambda user, word: (f"Authorization: Basic {basic(user, word)}", basic(user, word)),
        st.from_regex(r"[a-z]{3,9}", fullmatch=True),
        st.from_regex(r"[ -~]{4,30}", fullmatch=True),
    ),
    "bearer in capitals": before("AUTHORIZATION: BEARER ", r"[0-9][A-Za-z0-9._~+/-]{20,40}[0-9]"),
    "bearer in small letters": before("authorization: bearer ", r"[0-9][A-Za-z0-9._~+/-]{20,40}[0-9]"),
    "x-api-key": before("x-api-key: ", r"[0-9]{3}[a-z][A-Za-z0-9_-]{20,40}[a-z]"),
    "X-Api-Key in quotes": before("'X-Api-Key': '", r"[0-9]{3}[a-z][A-Za-z0-9_-]{20,40}[a-z]", "'"),
    "token in a URL": before("https://", r"[0-9]{3}[a-z][A-Za-z0-9]{15,40}[a-z]", "@github.com/o/n"),
    "token before nothing in a URL": before(
        "https://", r"[0-9]{3}[a-z][A-Za-z0-9]{15,40}[a-z]", ":x-oauth-basic@github.com"
    ),
    "x-access-token": before("https://x-access-token:", r"[A-Za-z0-9]{10,40}", "@github.com/o/n"),
    "short password of a database": before("postgres://kim:", r"q[xzw!~.,=%]{3,6}", "@db/x"),
    "password of a queue without a user": before("redis://:", r"zq[a-z]{3,9}", "@db:6379/0"),
    "password of a web address": before("https://kim:", r"q[A-Z]{2}[0-9!~,=%]{2}", "@h/x"),
    "curl": before("curl -s -u kim:", r"q[xzw]{3}[A-Za-z0-9!]{3,9}", " https://h/x"),
    "curl, long": before("curl https://h --user 'kim:", r"q[xzw]{3}[A-Za-z0-9!]{3,9}", "'"),
    "azure": before("AccountName=a;AccountKey=", r"[0-9]{3}[a-z][A-Za-z0-9+/]{82}==", ";EndpointSuffix=x"),
    "parameter": before("https://h/x?api_key=", r"[0-9]{3}[a-z][A-Za-z0-9_-]{8,40}", "&page=2"),
    "second parameter": before("https://h/x?page=2&access_token=", r"[0-9]{3}[a-z][A-Za-z0-9_-]{8,40}"),
    "field of JSON": before('{"refresh_token": "', r"[0-9]{3}[a-z][A-Za-z0-9_-]{8,40}", '"}'),
    "exported": before("cd x; export MY_TOKEN=", r"[0-9]{3}[a-z][A-Za-z0-9_-]{8,40}", ""),
}
PLANTED = st.sampled_from(sorted(KINDS)).flatmap(KINDS.get)


def planted(value, secret):
    """`value` with the secret in every text and key."""
    if isinstance(value, str):
        return f"{value} {secret} {value}"
    if isinstance(value, list):
        return [planted(v, secret) for v in value]
    if isinstance(value, dict):
        return {f"{k}\n{secret}\n": planted(v, secret) for k, v in value.items()}
    return value


def form(value):
    """What a value is made of, without its texts."""
    if isinstance(value, dict):
        return [form(v) for v in value.values()]
    if isinstance(value, list):
        return [len(value), *(form(v) for v in value)]
    return type(value) if isinstance(value, str) else value


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_key_of_any_kind_is_gone_from_every_place(kind, data):
    text, core = data.draw(KINDS[kind])
    clean = scrubber("zq-given-1")
    places = ["{}", "key={}", '"{}"', "({}), x", "a: {}\nb: 2", "see `{}`.", "1|{}", "https://h/?k={}&b=1", "%20{}"]
    for place in places:
        found = clean.text(place.format(text))
        assert core not in found and clean.mark in found
    value = {"text": text, "inner": data.draw(JSON)}
    value = planted(value, text)
    value |= {"in_json": json.dumps(value), "deeper": json.dumps([json.dumps({"k": f"a\n{text}\tb"})])}
    assert core not in json.dumps(clean.value(value), ensure_ascii=False)


@given(JSON, st.from_regex(r"[a-gX-Z][a-gX-Z0-9_-]{7,30}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_a_known_secret_is_nowhere_in_the_result(value, secret):
    def stuck(value):
        if isinstance(value, str):
            return value + secret + value
        if isinstance(value, list):
            return [stuck(v) for v in value]
        return {k + secret: stuck(v) for k, v in value.items()} if isinstance(value, dict) else value

    assert secret not in json.dumps(scrubber(secret).value(stuck(value)), ensure_ascii=False)


@given(st.text(alphabet='ab1"\\\né\t', min_size=6, max_size=12))
def test_a_known_secret_is_found_in_json_too(secret):
    clean = scrubber(secret)
    for as_ascii in (True, False):
        text = json.dumps({"command": f"login {secret} now"}, ensure_ascii=as_ascii)
        assert clean.text(text) == '{"command": "login [secret] now"}'


HARMLESS = st.one_of(
    st.text(max_size=30),
    st.binary(min_size=1, max_size=40).map(lambda b: hashlib.sha1(b).hexdigest()),
    st.binary(min_size=1, max_size=40).map(lambda b: hashlib.sha256(b).hexdigest()),
    st.binary(min_size=1, max_size=40).map(lambda b: f'aws_key = "{hashlib.sha1(b).hexdigest()}"'),
    st.binary(min_size=1, max_size=40).map(lambda b: f"sha512-{base64.b64encode(b).decode()}"),
    st.uuids().map(str),
    st.from_regex(r"[a-z]{1,8}(_[a-z0-9]{1,8}){0,6}\([A-Za-z]{0,9}\)", fullmatch=True),
    st.from_regex(r"(src|lib/home|\./Users|tests/root)(/[a-z]{1,8}){1,4}\.py:[0-9]{1,3}", fullmatch=True),
)


@given(st.lists(HARMLESS, max_size=8).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_a_text_without_secrets_and_homes_stays_as_it_is(text):
    assert scrubber("nothing-like-this-1").text(text) == text


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_value_without_secrets_stays_as_it_is(value):
    assert scrubber("nothing-like-this-1").value(value) == value


@pytest.mark.parametrize(
    "line",
    [
        '<div class="sk-estimator-doc-link sk-toggleable__content fitted">',
        'if text.startswith("-----BEGIN RSA PRIVATE KEY-----"):\n    return load_private_key_from_text(text)',
        '_START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n_END = b"-----END OPENSSH PRIVATE KEY-----"',
        'WWW-Authenticate: Bearer resource_metadata="…", Bearer authorization_uri',
        "http://user:password@localhost:8080/ and postgres://{user}:{password1}@{host}",
        'password = "correct horse", token: str = Field(...), secret_key=SECRET_KEY',
        "primer ACCATTGGCATCGATCGATTG",
        "eyJhbGciOiJIUzI1NiJ9.decode().strip()",
        "12345678:da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "<root><a/></root> ${base}/root {base}/root a/srv/people/kim /srv/people/kimberly /srv/people/kim.bak",
        "src/home/kim https://home/kim/x /home /home/ /home/{name}/x /home/$USER users/kim /user/home",
        "~/x and ~kim",
    ],
)
def test_what_only_looks_like_a_secret_or_a_home(line):
    assert scrubber().text(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "token = tokens[0]",
        "password = getpass()",
        "password=getpass.getpass()",
        "    token=self.access_token_v2,\n    api_key=settings.OPENAI_API_KEY,\n    password=password,",
        "API_KEY=settings.API_KEY\nTOKEN=OTHER_TOKEN_NAME\nTOKEN=$(cat token.txt)\nTOKEN=${GITHUB_TOKEN}",
        "export MISTRAL_API_KEY=$KEY_OF_MISTRAL\nGOOGLE_APPLICATION_CREDENTIALS=/etc/gcloud/key1.json",
        "TOKEN_URL=https://h/oauth2/token\nMAX_TOKEN_COUNT=100000000\nTOKENIZERS_PARALLELISM=false1234",
        "EOS_TOKEN=<|im_end|>\nPAD_TOKEN=[PAD]\nDB_PASSWORD=changeme\nDB_PASSWORD=short",
        "token: SecretStr\npassword: Optional[str] = None\nsecret: str | None\napi_key: CharField",
        '{"token": "identifier", "secret": "a_long_name_2", "api_key": "YOUR_API_KEY", "password": "password"}',
        "x-api-key: self.api_key\nheaders['x-api-key'] = api_key_of_them(1)\nx-api-key: ${API_KEY}",
        "https://h/?token=next_page_token&api_key={api_key}&secret=$SECRET&page=2&access_token=%s",
        "http://user:pass@h/ https://user-name-of-somebody@h/ ssh://deploy-user-12345678901@h/",
        "postgres://$USER:$PASSWORD@h postgres://%s:%s@h redis://:***@h docker://python:3.11@sha256:0a1b",
        "curl -u $USER:$PASSWORD https://h; git push -u origin:main1 && curl -u user:password h",
        "AccountKey=self.account_key;SharedAccessKey=YOUR_SHARED_ACCESS_KEY",
        "Basic information1 about Basic authentication and Bearer authentication_scheme",
        "test_bearer_of_a_very_long_name gsk_of_a_long_function fw_version_of_the_firmware hvs.compute_something_of_it",
        "xai-the-name-of-a-package-of-theirs pplx-70b-online r8_t dapi.get_everything_of_it ya29.x",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q",
        'id = "123e4567-e89b-42d3-a456-426614174000"\nuuid: 123e4567-e89b-42d3-a456-426614174000',
        "commit: da39a3ee5e6b4b0d3255bfef95601890afd80709\nCOMMIT=da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ],
)
def test_ordinary_code_keeps_what_its_place_could_make_a_secret(line):
    assert scrubber().text(line) == line
    assert scrubber().text(json.dumps({"content": line})) == json.dumps({"content": line})


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("MISTRAL_API_KEY={}", "MISTRAL_API_KEY={}"),
        ("MY_TOKEN={}", "MY_TOKEN={}"),
        ("DB_PASSWORD={} python x.py", "DB_PASSWORD={} python x.py"),
        ("export MY_SECRET={}", "export MY_SECRET={}"),
        ('export MY_SECRET="{}"', 'export MY_SECRET="{}"'),
        ("    12\tMY_TOKEN={}", "    12\tMY_TOKEN={}"),
        ("+MY_TOKEN={}", "+MY_TOKEN={}"),
        ("api_key: {}", "api_key: {}"),
        ("  POSTGRES_PASSWORD: '{}'  # of the test", "  POSTGRES_PASSWORD: '{}'  # of the test"),
        ("my_token={}", "my_token={}"),
    ],
)
@pytest.mark.parametrize("secret", ["a1b2c3d4", "Tr0ub4dox!", "123e4567-e89b-42d3-a456-426614174000"])
def test_a_line_that_assigns_a_secret(line, clean, secret):
    text = f"A=1\n{line.format(secret)}\nB=2"
    wanted = f"A=1\n{clean.format('[secret]')}\nB=2"
    assert scrubber().text(text) == wanted
    assert scrubber().text(json.dumps({"content": text})) == json.dumps({"content": wanted})


def test_a_short_text_may_have_a_secret_too():
    assert scrubber().text("ftp://u:p@h") == "ftp://u:[secret]@h"


@pytest.mark.parametrize(
    "line", ["DB_PASSWORD=correcthorse", "DB_PASSWORD: correcthorse", 'DB_PASSWORD="correct-horse"']
)
def test_a_password_that_is_a_word_is_one_after_a_name_in_capitals(line):
    assert "correct" not in scrubber().text(line)
    assert scrubber().text(line.lower()) == line.lower()


@pytest.mark.parametrize(
    "text",
    ["\n", "token=", '"token":"a1', "://a:b", "://", "curl -u a:", "export A", "bearer ", "?token=", "x-api-key: ",
     "1:", "sk-lf-", "gsk_", "123456789:", "hvs.", "ya29.a", "\\", "\\n", "TOKEN=a", "-", "a.", "a1", "=", " "],
)  # fmt: skip
def test_a_text_made_of_the_beginning_of_a_secret_takes_no_time(text):
    text, clean = text * (200_000 // len(text)), scrubber()
    clean.text("the detectors are there now")
    begun = time.process_time()
    clean.text(text)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("cd /home/kim/repo && ls", "cd ~/repo && ls"),
        ("/home/kim", "~"),
        ("'/home/kim.smith-2/x': /home/kim.", "'~/x': ~."),
        ("PATH=/usr/bin:/home/kim/bin:/Users/kim/bin", "PATH=/usr/bin:~/bin:~/bin"),
        ("file:///home/kim/x", "file://~/x"),
        ("gcc -I/home/kim/include -L/Users/kim/lib", "gcc -I~/include -L~/lib"),
        (json.dumps("a\n/home/kim/x"), '"a\\n~/x"'),
        ("1|/home/kim/x", "1|~/x"),
        (f"{HOME}/repo {HOME}, {HOME}", "~/repo ~, ~"),
        ("C:\\Users\\kim\\x C:/Users/kim/x c:\\users\\Kim Smith\\x", "~\\x ~/x ~\\x"),
        (json.dumps({"p": "C:\\Users\\kim\\x"}), '{"p": "~\\\\x"}'),
        ("/mnt/c/Users/kim/x /c/Users/kim/x", "~/x ~/x"),
    ],
)
def test_home_folders(text, clean):
    assert scrubber().text(text) == clean


def test_the_home_of_root_is_only_roots():
    text = "/root/x in /root, not /root.txt, /rooted, a/root or </root>"
    assert Scrubber(environ={}, home="/root").text(text) == "~/x in ~, not /root.txt, /rooted, a/root or </root>"
    assert scrubber().text(text) == text
    assert Scrubber(environ={}, home="/").text("/root/x /") == "/root/x /"


def test_the_home_of_who_runs_this_is_the_default(monkeypatch, tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    monkeypatch.setenv("HOME", str(link))
    assert Scrubber(environ={}).text(f"{link}/a {real}/b") == "~/a ~/b"


PIECES = st.sampled_from(
    ["[secret]", "secret", "~", " ", "\n", "\\n", "/", "/home/kim", HOME, "C:\\Users\\kim", "://u:", "pa55word", "@h",
     "aws", "aws_secret_key=", "wJalrXUtnFEMIKxMDENGxbPxRfiCYEXAMPLEKEYx", "Bearer ", "-----BEGIN PRIVATE KEY-----",
     "-----END PRIVATE KEY-----", "a" * 40, "sk-", "-", "_", "npm_token=", "zq-given-1", "eyJhbGciOiJIUzI1NiJ9.", "e30"]
)  # fmt: skip


@given(st.lists(PIECES | PLANTED.map(lambda pair: pair[0]), max_size=9).map("".join))
@settings(max_examples=200, deadline=None)
def test_scrubbing_twice_is_scrubbing_once(text):
    clean = scrubber("zq-given-1", "secret", "[sec")
    once = clean.text(text)
    assert clean.text(once) == once


@given(JSON, PLANTED)
@settings(max_examples=150, deadline=None)
def test_the_form_of_a_value_is_kept(value, secret):
    value, clean = planted(value, secret[0]), scrubber("zq-given-1")
    once = clean.value(value)
    assert form(once) == form(value) and clean.value(once) == once


def test_keys_that_become_the_same_are_told_apart():
    value = {"/home/a/x": 1, "/home/b/x": 2, "y": 3}
    assert scrubber().value(value) == {"~/x": 1, "~/x (2)": 2, "y": 3}


def test_the_whole_word_goes_with_a_key():
    assert scrubber().text("x = sk_live_" + "a1" * 40 + " # y") == "x = [secret] # y"


def test_the_environment_gives_values_but_not_ordinary_words():
    environ = {"MY_API_KEY": "v4lue-of-it", "DB_PASSWORD": "password", "TOKENIZERS_PARALLELISM": "some-value-1"}
    clean = Scrubber(environ=environ, home=HOME)
    assert clean.text("v4lue-of-it password some-value-1") == "[secret] password some-value-1"


def test_secret_fields_are_hidden_whatever_they_hold():
    value = {"headers": {"Authorization": "abc", "X-API-Key": "d"}, "api_key": None, "max_tokens": 5}
    hidden = {"headers": {"Authorization": "[secret]", "X-API-Key": "[secret]"}, "api_key": None, "max_tokens": 5}
    assert scrubber().value(value) == hidden


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "Refresh_Token", "client_secret", "secret", "api-key", "Cookie", "Set-Cookie",
     "SecretAccessKey", "password", "API_KEY"],
)  # fmt: skip
def test_fields_that_hold_a_secret_where_it_is_long_enough(name):
    hidden = {name: "[secret]", "name": "a value"}
    assert scrubber().value({name: "some words", "name": "a value"}) == hidden
    for other in (None, 12345678, True, {"type": "string"}, ["some words"]):
        assert scrubber().value({name: other}) == {name: other}


def test_a_short_text_and_a_piece_of_what_a_model_said_are_no_secrets():
    for value in (
        {"token": "short"},
        {"token": " everything", "logprob": -0.5},
        {"secret": ""},
        {"tokens": "some words"},
    ):
        assert scrubber().value(value) == value


@pytest.mark.parametrize("key", ["dummy", "ollama", "LM-Studio", "x", "", None, "secret"])
def test_placeholder_keys_hide_nothing(key):
    text = "a dummy for ollama, x of LM-Studio, no secret"
    assert scrubber(key).text(text) == text


def test_the_detectors_come_with_the_first_text_and_leave_warnings_alone():
    code = (
        "import sys, warnings; from slm_ext.traces import Scrubber; s = Scrubber(); shown = warnings.showwarning\n"
        "assert 'detect_secrets' not in sys.modules\n"
        "s.text('a text of some length')\n"
        "assert 'detect_secrets' in sys.modules and warnings.showwarning is shown\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
