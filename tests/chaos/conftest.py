from __future__ import annotations

from tests.settings_fixture import settings as settings
