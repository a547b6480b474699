"""Planted secrets: fabricated, and put together from parts, so that no scanner takes this file for a leak."""

import base64
import json
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

MIXED = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + "234567"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A secret where people leave it.

    Attributes:
        shape: what it is.
        name: the name of the param, tag or file that holds it; of no meaning where it is `note`.
        text: what is stored under that name.
        secret: the part that must not be stored.
    """

    shape: str
    name: str
    text: str
    secret: str


def shapes(seed: int = 7) -> list[Planted]:
    """Make every shape once; another seed gives other secrets of the same shapes."""
    maker = _Maker(random.Random(seed))  # noqa: S311 - fabricated
    return [*maker.of_issuers(), *maker.told_by_names(), *maker.in_addresses(), *maker.in_texts(), *maker.in_files()]


@dataclass(frozen=True)
class _Maker:
    chance: random.Random

    def some(self, count: int, alphabet: str = MIXED) -> str:
        """Draw characters; of letters and digits at least one of each sort, as a generator of keys does."""
        drawn = "".join(self.chance.choices(alphabet, k=count))
        is_poor = alphabet == MIXED and not (
            any(map(str.isdigit, drawn)) and any(map(str.islower, drawn)) and any(map(str.isupper, drawn))
        )
        return self.some(count, alphabet) if is_poor else drawn

    def password(self) -> str:
        return f"{self.some(5)}!{self.some(4)}"

    def jwt(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.some(10, string.digits), "iat": 1516239022})
        head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        return f"{head}.{body}.{self.some(43)}"

    def pem(self, kind: str = "RSA ") -> str:
        body = "\n".join(self.some(64) for _ in range(4))
        dashes = "-" * 5
        return f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}\n{body}\n{dashes}END {kind}PRIVATE KEY{dashes}"

    def of_issuers(self) -> Iterator[Planted]:
        """Formats that issuers document, inside a note."""
        some = self.some
        formats = {
            "github classic": ("gh" + "p_", some(36)),
            "github app": ("gh" + "s_", some(36)),
            "github fine-grained": ("github" + "_pat_", f"{some(22)}_{some(59)}"),
            "gitlab": ("gl" + "pat-", some(20)),
            "gitlab deploy": ("gl" + "dt-", some(20)),
            "gitlab routable": ("gl" + "pat-", f"{some(27)}.01.{some(9, HEX)}"),
            "aws id": ("AK" + "IA", some(16, UPPER)),
            "aws session id": ("AS" + "IA", some(16, UPPER)),
            "google api key": ("AI" + "za", some(35)),
            "google oauth client": ("GOC" + "SPX-", some(28)),
            "google access": ("ya" + "29.", some(60)),
            "azure client": (some(3), "8Q" + "~" + some(34)),
            "slack bot": ("xo" + "xb-", f"{some(12, string.digits)}-{some(12, string.digits)}-{some(24)}"),
            "slack app": ("xa" + "pp-1-", f"A{some(10, UPPER)}-{some(13, string.digits)}-{some(64, HEX)}"),
            "openai": ("s" + "k-", f"{some(20)}T3Blbk" + f"FJ{some(20)}"),
            "openai project": ("s" + "k-proj-", f"{some(30)}_{some(40)}"),
            "anthropic": ("s" + "k-ant-api03-", f"{some(60)}-{some(32)}AA"),
            "openrouter": ("s" + "k-or-v1-", some(64, HEX)),
            "deepseek": ("s" + "k-", some(32, HEX)),
            "huggingface": ("h" + "f_", some(34, string.ascii_letters)),
            "groq": ("gs" + "k_", some(52)),
            "replicate": ("r" + "8_", some(37)),
            "nvidia": ("nv" + "api-", some(64)),
            "xai": ("x" + "ai-", some(80)),
            "perplexity": ("pp" + "lx-", some(48)),
            "pinecone": ("pc" + "sk_", f"{some(6)}_{some(63)}"),
            "langsmith": ("ls" + "v2_pt_", f"{some(32, HEX)}_{some(10, HEX)}"),
            "stripe": ("s" + "k_live_", some(24)),
            "stripe restricted": ("r" + "k_live_", some(24)),
            "stripe webhook": ("wh" + "sec_", some(32)),
            "sendgrid": ("S" + "G.", f"{some(22)}.{some(43)}"),
            "twilio": ("S" + "K", some(32, HEX)),
            "mailgun": ("ke" + "y-", some(32, HEX)),
            "npm": ("np" + "m_", some(36)),
            "pypi": ("py" + "pi-AgEIcHlwaS5vcmc", some(120)),
            "rubygems": ("ruby" + "gems_", some(48, HEX)),
            "docker": ("dckr" + "_pat_", some(27)),
            "databricks": ("da" + "pi", some(32, HEX)),
            "wandb": ("wandb" + "_v1_", some(77)),
            "telegram": (f"{some(10, string.digits)}:", "AA" + some(33)),
            "discord": ("M" + some(23), f".{some(6)}.{some(38)}"),
            "vault": ("hv" + "s.", some(90)),
            "terraform": (some(14), "." + "atlasv1." + some(67)),
            "digitalocean": ("do" + "p_v1_", some(64, HEX)),
            "grafana": ("gl" + "sa_", f"{some(32)}_{some(8, HEX)}"),
            "shopify": ("sh" + "pat_", some(32, HEX)),
            "atlassian": ("AT" + "ATT3x", some(186)),
            "airtable": ("pa" + "t" + some(14), f".{some(64, HEX)}"),
            "kaggle": ("KG" + "AT_", some(32, HEX)),
            "alibaba": ("LT" + "AI", some(20)),
            "linear": ("lin" + "_api_", some(40)),
            "notion": ("nt" + "n_", some(46)),
            "age": ("AGE-" + "SECRET-KEY-1", some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")),
        }
        for shape, parts in formats.items():
            secret = "".join(parts)
            yield Planted(shape=shape, name="note", text=f"we trained with {secret}, as always", secret=secret)
            yield Planted(shape=f"{shape} alone", name="arg_3", text=secret, secret=secret)
        for shape, secret in (
            ("jwt", self.jwt()),
            ("neptune", base64.b64encode(b'{"api_address":"' + b"h" * 60).decode()),
        ):
            yield Planted(shape=shape, name="note", text=f"session {secret}", secret=secret)
        for shape in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "):
            key = self.pem(shape)
            yield Planted(shape=f"private key {shape}".strip(), name="note", text=key, secret=key.split("\n")[2])
        flat = self.pem().replace("\n", "\\n")
        yield Planted(shape="private key in one line", name="note", text=f'"k": "{flat}"', secret=flat.split("\\n")[2])
        coded = base64.b64encode(self.pem().encode()).decode()
        yield Planted(shape="private key in base64", name="note", text=f"client-key-data: {coded}", secret=coded)
        identifier, key = "AK" + "IA" + some(16, UPPER), some(40)
        yield Planted(shape="aws pair", name="note", text=f"{identifier},{key}", secret=key)
        yield Planted(shape="aws pair of lines", name="note", text=f"id {identifier}\nkey {key}", secret=key)

    def told_by_names(self) -> Iterator[Planted]:
        """Values that are like any other, under a name that says what they are."""
        values = {
            "token": self.some(24),
            "hf_token": self.some(20),
            "API_TOKEN": self.some(40, HEX),
            "auth_token": self.some(32, HEX),
            "accessToken": self.some(24),
            "refresh_token": self.some(30),
            "token_prod": self.some(24),
            "PASS": self.password(),
            "db_pass": self.some(12),
            "passwd": "hunt" + "er2",
            "pwd": self.password(),
            "password": "sword" + "fish",
            "DB_PASSWORD": "correct-horse-" + "battery",
            "db.password": self.password(),
            "password_2": self.some(10),
            "MLFLOW_TRACKING_PASSWORD": self.some(12),
            "passphrase": "correct horse " + "battery staple",
            "secret": self.some(16),
            "client_secret": self.some(32),
            "clientSecret": self.some(32),
            "SECRET_KEY": self.some(50),
            "aws_secret_access_key": self.some(20) + "/" + self.some(19),
            "openai_api_key": self.some(16, HEX),
            "OPENAI_APIKEY": self.some(32),
            "apiKey": self.some(32),
            "wandb_api_key": self.some(40, HEX),
            "AZURE_OPENAI_KEY": self.some(32, HEX),
            "subscription-key": self.some(32, HEX),
            "storage_account_key": self.some(86) + "==",
            "private_key": self.some(44),
            "encryption_key": self.some(44),
            "credentials": f"admin:{self.password()}",
            "twilio_auth_token": self.some(32, HEX),
            "session_token": self.some(100),
            "bearer": self.some(40),
            "bot_token": "s3cr3t-" + "t0k3n",
            "hub_auth_token": "my-secret-" + "token-123",
            "tokens": self.some(24),
            "api_keys": f"{self.some(20)},{self.some(20)}",
            "db_pw": self.password(),
            "SMTP_PASS": "let" + "mein",
            "apikey": self.some(12, string.digits),
            "authorization": f"Token {self.some(40, HEX)}",
            "cookie": f"sessionid={self.some(24)}",
            "kaggle_key": self.some(32, HEX),
            "otp_secret": self.some(16, UPPER),
            "DATABRICKS_TOKEN": self.some(40, HEX),
            "snowflake_password": f"Tr0ub4dor&{self.some(3)}",
            "sas_token": f"sv=2022-11-02&sig={self.some(43)}%3D",
        }
        for name, value in values.items():
            yield Planted(shape=f"{name} =", name=name, text=value, secret=value)

    def in_addresses(self) -> Iterator[Planted]:
        """Logins and signatures in addresses."""
        word, long, short = self.password(), self.some(40), self.some(16)
        signature, flow, channel = self.some(64, HEX), self.some(24), self.some(68)
        addresses = {
            "login": (f"https://me:{word}@example.org/x.git", word),
            "login with @": (f"https://me:p@{word}@example.org/x.git", word),
            "login with /": (f"postgresql://me:p/{word}@db.example.org/x", word),
            "login with both": (f"postgresql://me:p@s/{word}@db.example.org/x", word),
            "login without a user": (f"redis://:{word}@cache.example.org:6379/0", word),
            "login of two hosts": (f"mongodb://me:{word}@one.example.org,two.example.org/db", word),
            "login encoded": ("https://me:p%40s%2F" + long + "@example.org/x", long),
            "driver": (f"postgresql+psycopg2://me:{word}@db/mlflow", word),
            "jdbc": (f"jdbc:postgresql://db/x?user=me&password={long}", long),
            "oracle": (f"jdbc:oracle:thin:me/{word}@db.example.org:1521:x", word),
            "token without a password": (f"https://{long}@git.example.org/x.git", long),
            "short token without a password": ("https://s3cr3t" + f"t0ken{word[:4]}@git.example.org/x.git", "s3cr3t"),
            "token as the user": (f"https://{long}:x-oauth-basic@git.example.org/x.git", long),
            "token as the password": (f"https://x-access-token:{long}@git.example.org/x.git", long),
            "?token=": (f"https://data.example.org/x.csv?token={long}", long),
            "?token= short": (f"https://data.example.org/x.csv?v=1&token={word[:5]}77", f"{word[:5]}77"),
            "?access_token=": (f"https://data.example.org/x.csv?a=1&access_token={long}&b=2", long),
            "?api_key=": (f"https://api.example.org/v1?api_key={short}", short),
            "?apikey=": (f"https://api.example.org/v1?apikey={long}", long),
            "?key=": (f"https://maps.example.org/v1?key={long}", long),
            "?sig=": (f"https://a.blob.example.org/c/x?sv=2022-11-02&se=2026-01-01&sr=b&sig={long}%3D", long),
            "?code=": (f"https://f.example.org/api/run?code={long}==", long),
            "X-Amz-Signature": (f"https://b.example.org/k?X-Amz-Expires=9&X-Amz-Signature={signature}", signature),
            "X-Amz-Security-Token": (f"https://b.example.org/k?X-Amz-Security-Token={long}%2F{long}", long),
            "X-Goog-Signature": (f"https://b.example.org/k?X-Goog-Signature={signature}&x=1", signature),
            "Signature": (f"https://b.example.org/k?AWSAccessKeyId=x&Signature={flow}%3D&Expires=9", flow),
            "?password=": (f"https://api.example.org/v1?user=me&password={word}", word),
            "?auth=": (f"https://x.example.org/y.json?auth={long}", long),
            "#access_token=": (f"https://x.example.org/cb#access_token={long}&type=bearer", long),
            "slack hook": (f"https://hooks.{'slack'}.com/services/T{self.some(8, UPPER)}/B{short}/{flow}", flow),
            "discord hook": (f"https://discord.com/{'api/web'}hooks/{self.some(18, string.digits)}/{channel}", channel),
            "telegram bot": (
                "https://api.telegram.org/bot" + f"{self.some(9, string.digits)}:AA" + f"{long[:33]}/send",
                long[:33],
            ),
            "sentry": (f"https://{signature[:32]}@o1.ingest.example.org/2", signature[:32]),
        }
        for shape, (text, secret) in addresses.items():
            yield Planted(shape=f"address: {shape}", name="mlflow.source.git.repoURL", text=text, secret=secret)

    def in_texts(self) -> Iterator[Planted]:
        """Names and values inside a longer text."""
        word, long, key = self.password(), self.some(32), self.some(86)
        coded, number = base64.b64encode(f"me:{word}".encode()).decode(), self.some(32, HEX)
        texts = {
            "key=value": (f"host=db user=me password={word} dbname=x", word),
            "key=value, a word": ("host=db user=me password=sword" + "fish dbname=x", "swordfish"),
            "key: value": (f"user: me\npassword: {word}\n", word),
            "odbc": (f"Driver={{ODBC}};Server=db;Uid=me;Pwd={word};Encrypt=yes", word),
            "ado": (f"Server=db;Database=x;User Id=me;Password={word};", word),
            "azure storage": (f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={key}==;E=y", key),
            "service bus": (f"Endpoint=sb://x;SharedAccessKeyName=r;SharedAccessKey={key[:43]}=", key[:43]),
            "json": (json.dumps({"user": "me", "password": word}), word),
            "json, a word": (json.dumps({"user": "me", "password": "sword" + "fish"}), "swordfish"),
            "json token": (json.dumps({"token": long, "n": 1}), long),
            "json in json": (json.dumps({"source": json.dumps({"api_key": long})}), long),
            "json in json in json": (json.dumps({"a": json.dumps({"b": json.dumps({"password": word})})}), word),
            "python dict": (f"{{'user': 'me', 'api_key': '{long}', 'n': 1}}", long),
            "repr": (f"Client(url='https://x', token='{long}')", long),
            "json single word key": (json.dumps({"aws_secret_access_key": f"{long}/{word[:5]}zz"}), long),
            "env": (f"export HF_TOKEN={long}\n", long),
            "env, a word": ("A=1\nDB_PASSWORD=sword" + "fish\nB=2\n", "swordfish"),
            "env quoted": (f'API_SECRET="{word}"', word),
            "yaml": (f"db:\n  user: me\n  password: {word}\n", word),
            "yaml, a word": ("db:\n  user: me\n  password: sword" + "fish\n", "swordfish"),
            "yaml quoted": (f"db:\n  api_key: '{long}'\n", long),
            "ini": (f"[default]\naws_access_key_id = x\naws_secret_access_key = {long}{word[:5]}abc\n", long),
            "toml": (f'secret_key = "{long}"\n', long),
            "python": (f'openai.api_key = "{long}"\n', long),
            "flag": (f"train.py --lr 0.1 --api-key {long} --epochs 3", long),
            "flag of a password": (f"train.py --password {word} --epochs 3", word),
            "flag with =": (f"train.py --hf_token={long} --epochs 3", long),
            "basic header": (f"Authorization: Basic {coded}", coded),
            "bearer header": (f"curl -H 'Authorization: Bearer {long}' https://x", long),
            "bearer in json": (json.dumps({"headers": {"Authorization": f"Bearer {long}"}}), long),
            "bearer alone": (f"Bearer {long}", long),
            "key header": (f"X-API-Key: {long}", long),
            "private token header": (f"PRIVATE-TOKEN: {long}", long),
            "cookie": (f"Cookie: session={long}; a=b", long),
            "curl": (f"curl -u me:{word} https://x.example.org", word),
            "netrc": (f"machine example.org login me password {word}", word),
            "npmrc": (f"//registry.example.org/:_authToken={long}", long),
            "pip": (f"--extra-index-url https://me:{word}@pypi.example.org/simple", word),
            "docker auth": (json.dumps({"auths": {"x": {"auth": coded}}}), coded),
            "kaggle": (json.dumps({"username": "me", "key": number}), number),
            "cli of sql": (f"mysql --user=me --password={word} x", word),
            "sshpass": (f"sshpass -p {word} ssh me@host", word),
            "xml": (f"<server><password>{word}</password></server>", word),
            "prose": (f"the password is {word}", word),
            "prose of a token": (f"please use token {long} for it", long),
            "prose of a key": (f"the api key is {long}", long),
            "variable of kubernetes": (f"- name: DB_PASSWORD\n  value: {word}\n", word),
            "variable of ecs": (json.dumps({"name": "API_TOKEN", "value": long}), long),
            "setting in xml": (f'<add key="Password" value="{word}"/>', word),
            "login of requests": (f"requests.get(url, auth=('me', '{word}'))", word),
            "login of docker": (f"docker login -u me -p {word} registry.example.org", word),
            "login of mysql": (f"mysql -u me -p{word} x", word),
            "postgres": (f"PGPASSWORD={word} psql -h db", word),
            "django": (f"SECRET_KEY = 'django-insecure-{long}'", long),
            "ruby": (f"token => '{long}'", long),
            "go": (f'token := "{long}"', long),
            "pypirc": (f"[pypi]\nusername = __token__\npassword = {long}\n", long),
        }
        for shape, (text, secret) in texts.items():
            yield Planted(shape=f"text: {shape}", name="note", text=text, secret=secret)

    def in_files(self) -> Iterator[Planted]:
        """Files of a run, by their names."""
        word, long, key = self.password(), self.some(36), self.pem("OPENSSH ")
        inside = key.splitlines()[2]
        files = {
            "requirements.txt": (f"--extra-index-url https://me:{word}@pypi.example.org/simple\nnumpy==2.1.0\n", word),
            "conda.yaml": (f"dependencies:\n- pip:\n  - git+https://{'gh' + 'p_' + long}@github.com/o/r.git\n", long),
            ".env": ("DB_HOST=db\nDB_PASS=hunt" + "er2\n", "hunter2"),
            "MLmodel": (f"metadata:\n  endpoint_key: {long}\nflavors: {{}}\n", long),
            "config.json": (json.dumps({"llm": {"openai_api_key": long}}, indent=2), long),
            "train.log": (f"INFO connecting to postgresql://me:{word}@db/x\n", word),
            "id_rsa": (key, inside),
            "service_account.json": (json.dumps({"type": "service_account", "private_key": key}), inside),
        }
        for name, (text, secret) in files.items():
            yield Planted(shape=f"file: {name}", name=name, text=text, secret=secret)
