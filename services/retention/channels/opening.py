"""From settings to the channels that are open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from services.retention.channels.addresses import Addresses
from services.retention.channels.sink import Sink
from services.retention.channels.smtp import Server, Smtp
from services.retention.channels.webhook import Webhook
from services.retention.delivery import Channel
from services.retention.settings import RetentionSettings
from shared.settings import Settings
from shared.webhooks.guard import networks_of


def require_usable(settings: RetentionSettings, common: Settings) -> None:
    """Ends the process with the fix when a channel can not be opened."""
    if settings.email_by == "smtp" and common.service_secret is None:
        raise SystemExit("HOLDFAST_RETENTION_EMAIL_BY=smtp: set HOLDFAST_SERVICE_SECRET, here and for the customer service, which is asked for the addresses")


@asynccontextmanager
async def open_channels(settings: RetentionSettings, common: Settings, folder: Path) -> AsyncIterator[Mapping[str, Channel]]:
    """By channel (`sms`, `email`, `push`), closed at the end. `folder`: where the sink writes."""
    require_usable(settings, common)
    used = {"sms": settings.sms_by, "email": settings.email_by, "push": settings.push_by}
    ways: dict[str, Channel] = {"sink": Sink(folder)}
    async with AsyncExitStack() as stack:
        if "webhook" in used.values():
            ways["webhook"] = await stack.enter_async_context(_webhook(settings))
        if "smtp" in used.values():
            ways["smtp"] = Smtp(_server(settings), await stack.enter_async_context(_addresses(common)))
        yield {channel: ways[way] for channel, way in used.items()}


def _webhook(settings: RetentionSettings) -> Webhook:
    assert settings.webhook_url and settings.webhook_secret, "settings that lack them do not load"
    return Webhook(settings.webhook_url, settings.webhook_secret.get_secret_value(), allowed=networks_of(settings.webhook_networks))


def _addresses(common: Settings) -> Addresses:
    assert common.service_secret, "without it nothing is opened"
    return Addresses(common.url_of("customer"), common.service_secret.get_secret_value())


def _server(settings: RetentionSettings) -> Server:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    return Server(settings.smtp_host, settings.smtp_port, settings.smtp_sender, settings.smtp_starttls, settings.smtp_user, password)
