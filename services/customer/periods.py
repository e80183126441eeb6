"""How long each kind of data is kept. Environment variables carry the prefix `HOLDFAST_KEEP_`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import read


class Periods(BaseSettings):
    """Who the customers are is kept until they are erased; the months are statistics and stay."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_KEEP_", extra="ignore", frozen=True)

    # Two years to compare with, and the month that is not over. Below 13 months the rollups could not be counted again.
    facts_days: int = Field(default=25 * 31, ge=13 * 31, description="Events reported about customers, from when they were recorded")
    parked_days: int = Field(default=90, ge=7, description="Events that wait for their customer")
    moves_days: int = Field(default=25 * 31, ge=13 * 31, description="That an event turned out to be another customer's: past moments are told by it")
    dead_letters_days: int = Field(default=90, ge=7, description="Records that could not be applied, replayed or not")
    prospects_days: int = Field(default=365, ge=30, description="Potential customers whom nobody touched since and who did not become one")
    feed_changes_days: int = Field(default=13 * 31, ge=31, description="When a source fell silent, changed or recovered")
    idempotency_days: int = Field(default=7, ge=1, description="Answers kept for retries")
    # Six months are what the law asks of logs at least (Cybersecurity Law art. 21); records of processing are kept three years (PIPL art. 56).
    audit_days: int = Field(default=3 * 366, ge=184, description="Who read or changed what")

    def of(self, kind: str) -> int:
        days: int = getattr(self, f"{kind}_days")
        return days


def load() -> Periods:
    """Ends the process with the fix in the message when they can not be used."""
    return read(Periods)
