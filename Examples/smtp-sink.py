#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""A mail server that takes every message, prints it, and delivers none. Refuses "bounce@…" for good (550), and the first
message to "busy@…" for now (451). Usage: smtp-sink.py [PORT]"""
import asyncio
import sys

seen = set()


async def serve(reader, writer):
    async def say(line):
        writer.write(line.encode() + b"\r\n")
        await writer.drain()

    await say("220 sink")
    while line := (await reader.readline()).decode(errors="replace").strip():
        verb = line[:4].upper()
        if verb == "DATA":
            await say("354 go on")
            while (text := await reader.readline()).strip(b"\r\n") != b"." and text:
                print(text.decode(errors="replace").rstrip())
            print("--", flush=True)
            await say("250 taken")
        elif verb == "RCPT" and "bounce@" in line:
            await say("550 no such person")
        elif verb == "RCPT" and "busy@" in line and line not in seen:
            seen.add(line)
            await say("451 later")
        elif verb == "QUIT":
            await say("221 bye")
            break
        else:
            await say("250 sink")
    writer.close()


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 2525
    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main())
