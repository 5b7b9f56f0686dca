"""discord.py against the simulator: follow the gateway, resume, page the history, say what was seen.

Takes the REST base and the token from the environment; talks JSON lines on stdout. When a message says THE END it
pages every readable channel and thread and writes one line with everything it has seen, then leaves.
"""

import asyncio
import json
import os
import sys
import traceback

import discord
import yarl

API = os.environ["SIMULATOR_API_URL"]
TOKEN = os.environ["SIMULATOR_TOKEN"]


def say(**fields):
    print(json.dumps(fields), flush=True)


def iso(moment):
    return None if moment is None else int(moment.timestamp() * 1000 + 0.5)


def key(emoji):
    """A custom emoji is its id, another one its characters."""
    return emoji if isinstance(emoji, str) else str(emoji.id or emoji.name)


class Client(discord.Client):
    """Keeps what the gateway said about each message."""

    def __init__(self):
        intents = discord.Intents.none()
        intents.guilds = True
        intents.guild_messages = True
        intents.message_content = True
        intents.guild_reactions = True
        intents.guild_polls = True
        super().__init__(intents=intents, enable_debug_events=True, assume_unsync_clock=False)
        self.seen = {}
        self.resumed = 0
        # What the events of reactions and votes add up to, from nothing: true of messages that came live.
        self.reactions = {}
        self.votes = {}

    async def on_resumed(self):
        self.resumed += 1
        say(event="resumed")

    async def on_message(self, message):
        self.seen[message.id] = self.state(message)
        if message.content == "THE END":
            asyncio.get_running_loop().create_task(self.finish())

    async def on_raw_message_edit(self, payload):
        self.seen[payload.message_id] = self.state(payload.message)

    async def on_raw_message_delete(self, payload):
        self.seen.setdefault(payload.message_id, {})["deleted"] = True

    async def on_raw_bulk_message_delete(self, payload):
        for message_id in payload.message_ids:
            self.seen.setdefault(message_id, {})["deleted"] = True

    def react(self, payload, by):
        counts = self.reactions.setdefault(payload.message_id, {}).setdefault(key(payload.emoji), [0, 0])
        counts[0] += by
        counts[1] += by if payload.burst else 0

    async def on_raw_reaction_add(self, payload):
        assert payload.member.id == payload.user_id
        assert payload.burst == (payload.type == discord.ReactionType.burst)
        self.react(payload, 1)

    async def on_raw_reaction_remove(self, payload):
        self.react(payload, -1)

    async def on_raw_reaction_clear(self, payload):
        self.reactions[payload.message_id] = {}

    async def on_raw_reaction_clear_emoji(self, payload):
        self.reactions.setdefault(payload.message_id, {}).pop(key(payload.emoji), None)

    def vote(self, payload, by):
        votes = self.votes.setdefault(payload.message_id, {})
        votes[payload.answer_id] = votes.get(payload.answer_id, 0) + by

    async def on_raw_poll_vote_add(self, payload):
        self.vote(payload, 1)

    async def on_raw_poll_vote_remove(self, payload):
        self.vote(payload, -1)

    async def on_error(self, event, *args, **kwargs):
        say(event="error", where=event, trace=traceback.format_exc())

    @staticmethod
    def state(message):
        # `edited_at` through the parser of discord.py, back to milliseconds; ids as strings.
        return {
            "channel": str(message.channel.id),
            "author": str(message.author.id),
            "content": message.content,
            "edited": iso(message.edited_at),
            "created": iso(message.created_at),
            "attachments": len(message.attachments),
            "embeds": len(message.embeds),
            "type": message.type.value,
            "pinned": message.pinned,
            "flags": message.flags.value,
            "reactions": {key(r.emoji): [r.count, r.burst_count] for r in message.reactions},
            "votes": {a.id: a.vote_count for a in message.poll.answers} if message.poll else None,
            "finalized": message.poll.is_finalised() if message.poll else None,
        }

    async def finish(self):
        try:
            history = {}
            for guild in self.guilds:
                places = [c for c in guild.channels if hasattr(c, "history")] + list(guild.threads)
                for parent in list(guild.text_channels) + list(guild.forums):
                    try:
                        places += [t async for t in parent.archived_threads(limit=None)]
                    except discord.Forbidden:
                        continue
                for place in places:
                    try:
                        messages = [m async for m in place.history(limit=None)]
                        oldest_first = [m.id async for m in place.history(limit=None, oldest_first=True)]
                    except discord.Forbidden:
                        continue
                    assert oldest_first == [m.id for m in reversed(messages)], place.id
                    history[str(place.id)] = [[str(m.id), self.state(m)] for m in messages]
            seen = {str(at): value for at, value in self.seen.items()}
            reactions = {str(at): {k: v for k, v in by.items() if v[0]} for at, by in self.reactions.items()}
            votes = {str(at): by for at, by in self.votes.items()}
            guilds = {str(g.id): len(g.channels) + len(g.threads) for g in self.guilds}
            say(
                event="end",
                guilds=guilds,
                seen=seen,
                history=history,
                resumed=self.resumed,
                reactions=reactions,
                votes=votes,
            )
        except Exception:
            say(event="error", where="finish", trace=traceback.format_exc())
        finally:
            await self.close()


async def main():
    discord.http.Route.BASE = f"{API}/api/v10"
    client = Client()
    async with client:
        await client.login(TOKEN)
        # The gateway is where the API says it is; discord.py itself has the address of discord.com built in.
        data = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(data["url"])
        await client.connect()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Exception:
        say(event="error", where="main", trace=traceback.format_exc())
        sys.exit(1)
