"""Routes of nodes: their configuration, and commands that are replied to."""

import asyncio

from fastapi import APIRouter, Depends, Request

from contract.commands import Verb
from contract.frozen import Identifier
from fleet.api.guard import named
from fleet.api.models import ConfigurationOrder, NodeConfiguration, NodeOrder, NodeReply
from fleet.api.parts import Parts
from fleet.errors import Late, Refused
from fleet.records.auth import Role

OF_OPERATORS = frozenset({Verb.SNAPSHOT, Verb.CLIP})


def node_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core, guard = parts.room, parts.core, parts.guard
    admin = guard.requires(Role.ADMIN)

    @router.get("/nodes/{node}/configuration", dependencies=[Depends(guard.requires(Role.VIEWER))])
    async def get_configuration(node: Identifier) -> NodeConfiguration:
        """What it should run, what it says it runs, and every version that was wanted, newest first."""
        return await core(lambda: room.configuration(node))

    @router.put("/nodes/{node}/configuration", dependencies=[Depends(admin)])
    async def put_configuration(request: Request, node: Identifier, body: ConfigurationOrder) -> NodeConfiguration:
        """A new version, or the settings of an earlier one again. The node's answer comes later: see `reported`."""
        by = named(request, body)
        return await core(lambda: room.configure(node, settings=body.settings, again=body.again, by=by))

    @router.post("/nodes/{node}/commands", dependencies=[Depends(guard.requires(Role.OPERATOR))])
    async def command_node(request: Request, node: Identifier, body: NodeOrder) -> NodeReply:
        """Answers when the node has replied."""
        if Verb(body.verb) not in OF_OPERATORS:
            await admin(request)
        by = named(request, body)
        asked = await core(lambda: room.order_node(node, body, by=by))
        try:
            reply = await asyncio.wait_for(asyncio.wrap_future(asked.reply), asked.within_s)
        except asyncio.TimeoutError as err:
            raise Late(f"node '{node}': no reply to {body.verb} within {asked.within_s:g} s") from err
        if not reply.done:
            raise Refused(f"node '{node}': {reply.reason}")
        return NodeReply(node=node, command_id=reply.command_id, files=reply.files)

    return router
