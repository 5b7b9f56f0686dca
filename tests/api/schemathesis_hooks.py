"""What JSON Schema can't say of the API's parameters, told to schemathesis."""

import os

import schemathesis


@schemathesis.hook
def filter_query(context, query):
    """`from` is not after `to`: a rule about two parameters."""
    start, end = (query or {}).get("from"), (query or {}).get("to")
    return not (isinstance(start, str) and isinstance(end, str))


@schemathesis.hook
def map_query(context, query):
    """Half of the requests ask for the channel that has messages."""
    if query and str(query.get("guild_id", ""))[-1:] in "02468":
        query["guild_id"] = os.environ["GUILD"]
        query["channel_id"] = os.environ["CHANNEL"]
    return query
