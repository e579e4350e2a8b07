"""A mail server for the tests: whatever it takes is a file under FOLDER/mail. STARTTLS on one port, TLS on the other; both
want a login. Usage: smtp_server.py FOLDER PORT TLS_PORT PASSWORD"""
import asyncio
import json
import os
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, port, tls_port, password = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
mail = os.path.join(folder, "mail")
os.makedirs(mail, exist_ok=True)


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy@"):
            return "451 4.3.0 the mailbox is busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = os.path.join(mail, "%05d.json" % len(os.listdir(mail)))
        kept = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": server.transport.get_extra_info("ssl_object") is not None,
                "content": envelope.content.decode("utf-8")}
        with open(name + ".part", "w") as file:
            json.dump(kept, file)
        os.rename(name + ".part", name)
        return "250 kept as " + os.path.basename(name)


def login(server, session, envelope, mechanism, data):
    right = mechanism in ("LOGIN", "PLAIN") and data.login == b"grow" and data.password == password.encode()
    return AuthResult(success=right, handled=right or False)


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    loop = asyncio.get_running_loop()

    def by(**more):
        return lambda: SMTP(Keeper(), hostname="mail.test", authenticator=login, auth_required=True, enable_SMTPUTF8=True, **more)

    servers = [
        await loop.create_server(by(tls_context=tls, require_starttls=True), "127.0.0.1", port),
        await loop.create_server(by(auth_require_tls=False), "127.0.0.1", tls_port, ssl=tls),
    ]
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    for server in servers:
        server.close()


asyncio.run(main())
