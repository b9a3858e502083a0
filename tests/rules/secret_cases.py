"""Program text with secrets in it, and with what looks like one and is none.

No secret is written out: `{AKIA|A16}` is a prefix and so many letters drawn from an alphabet, the same each time. Those
marked `+` are to go, those marked `-` are to stay.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string

ALPHABETS = {
    "A": string.ascii_uppercase + string.digits,
    "a": string.ascii_letters + string.digits,
    "l": string.ascii_letters,
    "w": string.ascii_letters + string.digits + "_-",
    "x": "0123456789abcdef",
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
}
CASES = r"""
aws_access_key_id = {+AKIA|A16}
    "ACCESS": "{+ASIA|A16}",
aws_secret_access_key = "{+|b40}"
export AWS_SECRET_ACCESS_KEY='{+|b40}'
export AWS_SECRET_ACCESS_KEY={+|b40}
    DB_PASSWORD={+|l5|d4}
client = boto3.client("s3", aws_secret_access_key="{+|b40}")
conn = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={+|b86|==};EndpointSuffix=core.windows.net"
git clone https://ann:{+ghp_|a36}@github.com/ann/shop.git
GH_TOKEN: {+gho_|a36}
headers = {"Authorization": "token {+ghs_|a36}"}
token = "{+github_pat_|a22|_|a59}"
curl --header "PRIVATE-TOKEN: {+glpat-|w20}" https://gitlab.com/api/v4/projects
slack = SlackClient("{+xoxb-|d12|-|d12|-|a24}")
POST https://{+hooks.slack.com/services/T|A9|/B|A9|/|a24}
Stripe.api_key = "{+sk_live_|a24}"
const stripe = require('stripe')('{+rk_live_|a99}');
sg = SendGridAPIClient('{+SG.|w22|.|w43}')
mailchimp = "{+|x32|-us12}"
password = {+pypi-AgEIcHlwaS5vcmc|w120}
//packages.example/:_authToken={+npm_|a36}
square = "{+sq0atp-|w22}"
bot.run("{+M|a23|.|a6|.|w27}")
updater = Updater("{+|d10|:AA|w33}")
openai.api_key = "{+sk-|a20|T3BlbkFJ|a20}"
OPENAI_API_KEY={+sk-proj-|a40|T3BlbkFJ|a40}
anthropic = Anthropic(api_key="{+sk-ant-api03-|w95}")
login("{+hf_|l34}")
firebase = { apiKey: "{+AIza|w35}" }
client_secret: "{+GOCSPX-|w28}"
dop = "{+dop_v1_|x64}"
shopify = ShopifyAPI("{+shpat_|x32}")
DATABRICKS_TOKEN = "{+dapi|x32}"
AGE = "{+AGE-SECRET-KEY-1|A58}"
Authorization: Bearer {+jwt}
const jwt = "{+jwt}";
engine = create_engine("postgresql://ann:{+|a10}@db.shop.internal:5432/shop")
redis://:{+|a14}@cache.shop.internal/0
MONGO = 'mongodb+srv://shop:{+|a9|!}@cluster0.mongodb.net/shop'
amqp://worker:{+|a12}@10.0.0.7:5672/
password = "{+Tr|d2|ck|l4|!}"
  password: "{+|l5|d3}",
DB_PASSWORD := "{+|a11|#}"
$config['db_password'] = '{+|l4|d4|@}';
conn = connect(host="db", user="ann", passwd='{+|l6|d2}')
passphrase => "{+|l4|-|l4|-|d3}"
api_key = "{+|x32}"
API_SECRET: '{+|a40}'
"client_secret": "{+|w32}",
access_token = '{+|a24}'
private const string SigningKey = "{+|b44}";
encryption_key: "{+|x64}"
{block RSA}
{block OPENSSH}
{block EC}
{block string}
{block cut}
aws_access_key_id = {-AKIAIOSFODNN7EXAMPLE}
aws_secret_access_key = "{-wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}"
api_key = "{-your-api-key-here-0123}"
api_key = "{-YOUR_API_KEY_GOES_HERE_1}"
api_key = os.environ["{-SHOP_API_KEY_V2_PROD}"]
password = "{-password123}"
password = "{-hunter}"
password = getpass.getpass("{-Password:}")
PASSWORD_RESET_TIMEOUT = "{-3600}"
password_field = "{-input[name=password]}"
self.fields["password"].widget.attrs["class"] = "{-form-control col-md-6}"
token = "{-access_token_v2_header}"
secret_name = "{-projects/shop/secrets/db-password/versions/1}"
engine = create_engine("postgresql://user:{-password}@localhost/shop")
engine = create_engine(f"postgresql://ann:{-{DB_PASSWORD}}@{HOST}/shop")
url = "https://ann:{-$TOKEN}@github.com/ann/shop.git"
url = "http://{-127.0.0.1:8080}/user@home"
see {-https://shop.example:443/@ann} and @bob
# sha256 {-|x64}
integrity: "{-sha512-|b86|==}"
commit = "{-|x40}"
id = "{-|x8|-|x4|-4|x3|-a|x3|-|x12}"
if "-----BEGIN RSA PRIVATE KEY-----" in text and "{-not text.endswith}" or "-----END RSA PRIVATE KEY-----" in text: return True
ssh-rsa {-AAAAB3NzaC1yc2E|b120} ann@laptop
-----BEGIN CERTIFICATE-----\n{-|b64}\n-----END CERTIFICATE-----
sk_test = "{-sk_test_|a24}"
data:image/png;base64,{-iVBORw0KGgo|b80}
export GPG_KEY=$({-cat} key)
PASSWORD={-prompt}
keyboard_key = "{-ctrl+shift+alt+p1}"
primary_key = "{-customer_id_2024_v3}"
foreign_key: "{-orders.customer_id}"
cache_key = "{-|l8}:page:1"
"token": "{-IDENTIFIER}",
match = re.compile(r"{-ghp_[A-Za-z0-9]{36}}")
PUBLIC_KEY = '{-MIIBIjANBgkqhkiG9w0|b40}'
the password is {-whatever you like}, kept in a vault
"""
# Written when the patterns stood, to see how they do on other forms: they then found 16 of 30, with one false alarm.
MORE_CASES = r"""
var apiKey = "{+AIza|w35}"; // maps
AWS.config.update({accessKeyId: '{+AKIA|A16}', secretAccessKey: '{+|b40}'});
spring.datasource.password={+|l6|d4|!}
DATABASE_URL=postgres://app:{+|a16}@ec2-1-2-3-4.compute.amazonaws.com:5432/d8
<add key="ApiKey" value="{+|x32}" />
curl -u ann:{+|a14} https://api.shop.io/v1/orders
curl -H "Authorization: Bearer {+|a40}" https://api.shop.io
$pass = "{+|l5|d3|#}";
$mail->Password = '{+|a12}';
smtp.login("ann@shop.io", "{+|a13}")
sshpass -p '{+|a12}' ssh root@10.0.0.4
mysql -uroot -p{+|a11} shop < dump.sql
TWILIO_AUTH_TOKEN = "{+|x32}"
client = Client("{+AC|x32}", token)
cloudinary://{-|d15}:{+|w27}@shop
private static final String SECRET = "{+|b44}";
const SESSION_SECRET = `{+|a32}`;
django SECRET_KEY = "{+django-insecure-|a50}"
app.secret_key = b'{+|a24}'
jwt.sign(payload, "{+|a32}")
new GitHub({ auth: "{+ghp_|a36}" })
define('DB_PASSWORD', '{+|a16}');
"password" : "{+|l4|d6}"
os.environ["OPENAI_API_KEY"] = "{+sk-proj-|a74|T3BlbkFJ|a74}"
hf_token: {+hf_|l34}
sentry_sdk.init("https://{-|x32}@o12345.ingest.sentry.io/987")
heroku_api_key = "{+|x8|-|x4|-|x4|-|x4|-|x12}"
webhook = "https://discord.com/api/webhooks/{+|d18|/|w68}"
pwd: '{+|l7|d1|$}'
ftp://backup:{+|a10}@ftp.shop.io/daily
assert hash_password("{-correct horse}") != "x"
token_type = "{-Bearer}"
key = "{-name_of_the_2_columns}"
password_hash = "{-$2b$12$|a53}"
url = "https://{-www.w3.org/2000/svg}"
api_key: {-process.env.API_KEY_2}
secret = "{-{{ vault_secret_2 }}}"
pubkey = "{-04|x128}"
etag = '"{-|x32}"'
const KEY_CODES = { enter: "{-Enter13}" }
"access_token": "{-string(64)}"
author = "{-Ann Lee <ann@shop.example>}"
"resolved": "https://{-packages.example/a/-/a-1.2.3.tgz}", "integrity": "sha512-{-|b86|==}"
uuid4 = "{-|x8|-|x4|-4|x3|-a|x3|-|x12}"
font: url(data:font/woff2;base64,{-d09GMgABAAA|b120})
passwordInput = document.getElementById("{-passwordInput2}")
PASSWORD_MIN_LENGTH={-12}
SECRET_NAME={-projects/shop/db/versions/3}
export KEY={-value-for-1-and-2}
tokens = tokenizer("{-w1 w2 w3}")
secretKeyRef: "{-shop-db-credentials-v2}"
"""
_HOLE = re.compile(r"\{([+-])((?:[^{}]|\{[^{}]*\})*)\}|\{block (\w+)\}")


def draw(spec: str, number: int) -> str:
    """A secret by its form: parts between bars, of which `a12` is twelve letters of an alphabet."""
    dice = random.Random(f"{spec} {number}")
    parts = spec.split("|")
    for place, part in enumerate(parts):
        if place and re.fullmatch(r"[Aalwxdb][0-9]+", part):
            parts[place] = "".join(dice.choices(ALPHABETS[part[0]], k=int(part[1:])))
    return "".join(parts)


def _web_token() -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "ann", "iat": 1700000000}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, draw("|w43", 0)])


def _block(kind: str) -> tuple[str, str]:
    """A private key as it stands in a file or a program, and a line of it."""
    lines = [draw("|b64", number) for number in range(6)]
    name = "RSA" if kind in {"string", "cut"} else kind
    first, last = f"-----BEGIN {name} PRIVATE KEY-----", f"-----END {name} PRIVATE KEY-----"
    if kind == "string":
        return 'key = "' + "\\n".join([first, *lines, last]) + '"', lines[3]
    return "\n".join([first, *lines, *([] if kind == "cut" else [last])]), lines[3]


def make_cases() -> list[tuple[str, list[str], list[str]]]:
    """(text, what is to go, what is to stay) of every case."""
    made: list[tuple[str, list[str], list[str]]] = []
    lines = [*CASES.strip().split("\n"), *MORE_CASES.strip().split("\n")]
    for number, line in enumerate(lines):
        gone: list[str] = []
        stays: list[str] = []

        def fill(
            match: re.Match[str], gone: list[str] = gone, stays: list[str] = stays, n: int = number
        ) -> str:
            if match[3]:
                text, part = _block(match[3])
                gone.append(part)
                return text
            value = _web_token() if match[2] == "jwt" else draw(match[2], n)
            (gone if match[1] == "+" else stays).append(value)
            return value

        made.append(
            (
                _HOLE.sub(fill, line).replace("\\n", "\n")
                if "CERTIFICATE" in line
                else _HOLE.sub(fill, line),
                gone,
                stays,
            )
        )
    return made
