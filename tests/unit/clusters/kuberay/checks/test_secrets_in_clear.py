"""What is taken for a secret in clear text, and what only sounds like one."""

import pytest

from ml_platform.clusters.kuberay.checks.secrets_in_clear import secret_in_clear

# Put together here, so that no scanner of repositories takes them for real ones.
GITHUB = "ghp" + "_" + "a1B2" * 9
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"


@pytest.mark.parametrize(
    "name",
    [
        *("PGPASSWORD", "MYSQL_PWD", "DB_PASS", "DB_PASSWORD_PROD", "SSH_PASSPHRASE"),
        *("SECRET_KEY", "AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY_BASE", "SECRETS"),
        *("HF_TOKEN", "TOKEN", "TOKEN_2", "GITHUB_PAT", "ACCESS_TOKENS", "githubToken"),
        *("WANDB_API_KEY", "WANDBAPIKEY", "API_KEYS", "API_KEY_OPENAI", "OPENAI_KEY", "apiKey"),
        *("AZURE_CLIENT_SECRET", "DB_CREDENTIALS", "STORAGE_CONNECTION_STRING"),
        *("PRIVATE_KEY_PEM", "SERVICE_ACCOUNT_KEY_JSON", "OPENAI_KEY_PROD"),
        *("PW", "DB_PW", "DBPASS", "DBPW", "SMTPPASS", "KEYSTOREPASS", "ROOTPWD", "SENTRY_DSN"),
        *("COOKIE", "SESSION_COOKIE", "ERLANG_COOKIE", "sessionCookies"),
    ],
)
def test_a_name_that_means_a_secret(name: str) -> None:
    assert secret_in_clear(name, "hunter2") == "its name says so"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TOKENS", "4096"),
        ("MAX_NEW_TOKENS", "hunter2"),
        ("LLM_TOKENS", "4096"),
        ("PAD_TOKEN", "<pad>"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("TOKENIZER", "bert"),
        ("KEYBOARD", "us"),
        ("MONKEY", "a"),
        ("KEY", "a"),
        ("PRIMARY_KEY_COLUMN", "id"),
        ("PRIMARY_KEY", "id"),
        ("PARTITION_KEYS", "day"),
        ("PUBLIC_KEY", "ssh-ed25519 AAAA"),
        ("COMPASS", "north"),
        ("BYPASS", "north"),
        ("FORWARD_PASS", "fused"),
        ("PATH", "/usr/bin"),
        ("PWD", "/app"),
        ("PASSTHROUGH", "on-demand"),
        ("NVIDIA_PASSTHROUGH", "fast"),
        ("PASSES", "3"),
        ("UNDERPASS", "north"),
        ("PGPASSFILE", "pgpass"),
        ("PWM_CHANNEL", "a"),
        ("COOKIE_NAME", "session"),
        ("COOKIECUTTER", "a"),
        ("USE_COOKIES", "false"),
        ("NCCL_SOCKET_IFNAME", "eth0"),
        ("NCCL_IB_HCA", "mlx5_0:1"),
        ("NCCL_NET_GDR_LEVEL", "PHB"),
        ("NCCL_IB_PKEY", "0x7fff"),
        ("TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"),
        ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"),
        ("OMP_NUM_THREADS", "4"),
        ("DB_DSN", "host=db user=ada"),
        ("CLASS_TOKEN", "cls"),
        ("PROXY_AUTH", "kerberos"),
        ("LOGIN", "ldap://directory"),
        ("AUTH", "Basic authentication"),
        ("AUTH", "Bearer tokens"),
        ("AUTH", "Bearer $(TOKEN_FROM_A_SECRET)"),
        ("LEVEL", "basic Training"),
        ("STRIPE", "pk_live_" + "aB1" * 8),
        ("DOCS", "https://api.slack.com/messaging/webhooks"),
        ("ALERTS_WEBHOOK_URL", "http://alertmanager.monitoring:9093/hook"),
        ("GIT_URL", "ssh://git@example.com/a.git"),
        ("secretProviderClass", "vault-hf"),
        ("keyVaultSecretVersion", "latest"),
        ("PATTERN", "a"),
        ("AWS_ACCESS_KEY_ID", "an id"),
        ("VAULT_SECRET_NAME", "hf"),
        ("SECRET_ARN", "arn:aws:x"),
        ("TOKEN_URL", "https://login.example/token"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("TLS_KEY_PATH", "/run/secrets/tls"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/secrets/google.json"),
        ("SSH_PRIVATE_KEY", "/etc/ssh/id_ed25519"),
        ("USE_PASSWORD", "true"),
        ("API_KEY", ""),
        ("API_KEY", "$(KEY_FROM_A_SECRET)"),
        ("DATABASE_URL", "postgres://ada:$(PGPASSWORD)@db/x"),
        ("DATABASE_URL", "postgres://db:5432/x"),
        ("DATABASE_URL", "postgres://ada@db:5432/x"),
        ("IMAGE", "docker://ray:1@sha256:00"),
        ("DSN", "host=db user=ada"),
        ("MODEL", "sk-learn-with-a-very-long-name"),
        ("CERTIFICATE", "-----BEGIN CERTIFICATE-----\nMIIE"),
    ],
)
def test_what_only_sounds_like_one(name: str, value: str) -> None:
    assert secret_in_clear(name, value) == ""


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("postgres://ada:hunter2@db/x", "a URL with a password"),
        ("redis://:hunter2@cache:6379", "a URL with a password"),
        ("host=db user=ada password=hunter2", "a connection with its key"),
        ("AccountName=a;AccountKey=aGk=;EndpointSuffix=b", "a connection with its key"),
        ("https://a.example/b?sv=1&sig=aGk", "a connection with its key"),
        (GITHUB, "a token of GitHub"),
        (f"Bearer {GITHUB}", "a token of GitHub"),
        (AWS, "a key of AWS"),
        ("hf" + "_" + "abcD" * 8, "a token of Hugging Face"),
        ("sk" + "-proj-" + "abcD1" * 8, "a key of OpenAI, Anthropic or Stripe"),
        ("xoxb" + "-1234567890-abc", "a token of Slack"),
        ("eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".sig", "a JSON web token"),
        (KEY, "a private key"),
        ("Bearer " + "a1B2" * 5, "an Authorization header"),
        ("authorization: bearer " + "a1B2" * 5, "an Authorization header"),
        ("Basic " + "YWRhOmh1bnRlcjI=", "an Authorization header"),
        ("sk" + "_live_" + "abcdefghijkl", "a key of OpenAI, Anthropic or Stripe"),
        ("https://hooks.slack.com/" + "services/T0/B0/aBc", "the address of a webhook"),
        ("https://discord.com/" + "api/webhooks/1/aBc", "the address of a webhook"),
        ("https://" + "0123456789abcdef" * 2 + "@o1.ingest.example/2", "a URL with a key"),
        ("https://" + "public@sentry.example/2", "a URL with a key"),
        ("hvs" + "." + "a1B2" * 8, "a token of Vault"),
        ("dckr" + "_pat_" + "a1B2" * 6, "a token of Docker"),
        ("npm" + "_" + "a1B2" * 9, "a token of npm or PyPI"),
    ],
)
def test_a_value_that_has_the_form_of_one(value: str, what: str) -> None:
    assert secret_in_clear("SETTING", value) == f"it looks like {what}"
    assert secret_in_clear("SETTING_FILE", value) == f"it looks like {what}"


def test_the_reason_never_says_the_value() -> None:
    assert "hunter2" not in secret_in_clear("DATABASE_URL", "postgres://ada:hunter2@db/x")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("BASIC_AUTH", "ada:hunter2", "a user and a password"),
        ("AUTH", "ada:hunter2", "a user and a password"),
        ("DOCKER", '{"auths": {"r.io": {"auth": "YWRhOmh1bnRlcjI="}}}', "the login of a registry"),
        ("NETRC", "machine r.io login ada password hunter2", "a line of a netrc"),
        ("MAIL", "SG." + "a1B2" * 5 + "." + "c3D4" * 9, "a key of SendGrid"),
    ],
)
def test_a_login_is_known_by_its_form(name: str, value: str, what: str) -> None:
    assert secret_in_clear(name, value) == f"it looks like {what}"
