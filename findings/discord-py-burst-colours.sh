#!/bin/sh
# discord.py 2.7.1: the colours of a super reaction are lost in raw events.
#
# Seen: Discord documents `burst_colors` in MESSAGE_REACTION_ADD
# (https://docs.discord.com/developers/events/gateway-events, "Message Reaction Add Event Fields"). discord.py's
# RawReactionActionEvent looks for `burst_colours` in the payload, so that its attribute burst_colours (and its alias
# burst_colors) is always empty.
# A good guess would have been: only the attribute has the British spelling, and the list is filled.
# What follows: a test that compares super reactions through discord.py compares `burst` and `type`, never the colours.
#
# Exits with 0 while it is so, with another code when it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'discord.py==2.7.1'
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import discord
from discord.raw_models import RawReactionActionEvent

payload = {
    "user_id": "1",
    "channel_id": "2",
    "message_id": "3",
    "guild_id": "4",
    "emoji": {"id": None, "name": "🎉"},
    "burst": True,
    "burst_colors": ["#f8d45c", "#e0a435"],
    "type": 1,
}
event = RawReactionActionEvent(payload, discord.PartialEmoji(name="🎉"), "REACTION_ADD")
print("discord.py", discord.__version__)
print("burst:", event.burst, "type:", event.type)
print("burst_colors in the payload:", payload["burst_colors"])
print("burst_colours of the event:", event.burst_colours)
sys.exit(0 if event.burst_colours == [] else 1)
PYTHON
